//! Key pairs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;

/// The algorithm of a key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeyType {
    /// RSA, 2048 bits when made here.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl KeyType {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// The form of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeyFormat {
    /// PEM, for ssh.
    Pem,
    /// PuTTY's.
    Ppk,
}

/// A key pair's public half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyPair {
    /// Id: `key-…`.
    pub id: String,
    /// Name, unique.
    pub name: String,
    /// Algorithm.
    pub key_type: KeyType,
    /// Fingerprint as EC2 computes it.
    pub fingerprint: String,
    /// The public key as a line of `authorized_keys`.
    pub public_key: String,
    /// When it was made or imported.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created: Timestamp,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A list of key pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyPairList {
    /// The key pairs.
    pub key_pairs: Vec<KeyPair>,
}

/// A key pair to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateKeyPair {
    /// Name, unique, up to 255 ASCII characters.
    pub name: String,
    /// Algorithm; `ed25519` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_type: Option<KeyType>,
    /// Form of the private key; `pem` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<KeyFormat>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// A key pair that was made, with the private key, which is kept nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedKeyPair {
    /// The public half.
    pub key_pair: KeyPair,
    /// The private key as text.
    pub private_key: String,
}

/// Shows all but the private key, which belongs in no log.
impl std::fmt::Debug for CreatedKeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKeyPair").field("key_pair", &self.key_pair).finish_non_exhaustive()
    }
}

/// A public key to be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportKeyPair {
    /// Name, unique, up to 255 ASCII characters.
    pub name: String,
    /// The key: a line of `authorized_keys`, base64 of its DER, or RFC 4716.
    pub public_key: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}
