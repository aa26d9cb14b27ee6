//! Signature Version 4: who sent a request, proven by a keyed hash over the parts of it that the sender chose to sign
//! (AWS general reference, "Signature Version 4").
//!
//! [`presented`] reads what the client claims, from the `Authorization` header or from a presigned URL's query;
//! [`canonical`] makes the text that was signed; [`check`] holds the claims against the clock and the scope, and
//! compares signatures. Nothing here does I/O: the caller looks up the secret between the steps.

mod canonical;
mod check;
mod encode;
mod error;
mod presented;

pub use canonical::Signed;
pub use check::{Expected, check_claims, signature, verify};
pub use encode::{hex, hex_sha256, uri_encode};
pub use error::SignatureError;
pub use presented::{Form, Presented, Scope};

#[cfg(test)]
mod suite;
