//! MIME messages: the part of RFC 2045 to 2047 and 2183 that user data uses. [`parse`] is forgiving as Python's
//! `email` package is, which cloud-init uses; [`build`] writes what every reader takes.

mod build;
mod headers;
mod message;
mod transfer;

pub use build::{Attachment, build};
pub use headers::Headers;
pub use message::{Entity, MimeError, looks_like_mime, parse};
