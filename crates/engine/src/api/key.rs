//! Requests about key pairs.

use cumulet_model::Tags;
use cumulet_model::key::{KeyFormat, KeyPair, KeyType};

/// A key pair to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateKeyPair {
    /// Name, unique, up to 255 ASCII characters.
    pub name: String,
    /// Algorithm.
    pub key_type: KeyType,
    /// Form of the private key.
    pub format: KeyFormat,
    /// Tags.
    pub tags: Tags,
}

/// A key pair that was made, with the private key, which is kept nowhere.
pub struct CreatedKeyPair {
    /// The public half.
    pub key_pair: KeyPair,
    /// The private key as text.
    pub private_key: String,
}

/// A public key to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportKeyPair {
    /// Name, unique, up to 255 ASCII characters.
    pub name: String,
    /// The key: an `authorized_keys` line, or DER (or base64 of it) of the public key, or RFC 4716.
    pub public_key: Vec<u8>,
    /// Tags.
    pub tags: Tags,
}
