//! The instance identity document, and the key that signs it.

mod document;
mod pkcs7;
mod signer;

pub use document::Document;
pub use signer::{IdentityKey, IdentityKeyError};
