//! Key pairs: the public halves that the cloud keeps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{KeyPairId, Tags};

/// The algorithm of a key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyType {
    /// RSA of 2048 bits when made here, of 1024 to 4096 when imported.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl KeyType {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// How a private key is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyFormat {
    /// PEM: PKCS#1 for RSA, OpenSSH's for Ed25519, as EC2 gives them.
    #[default]
    Pem,
    /// PuTTY's.
    Ppk,
}

/// A key pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// Id.
    pub id: KeyPairId,
    /// Name, unique.
    pub name: String,
    /// Algorithm.
    pub key_type: KeyType,
    /// Fingerprint as EC2 computes it for this algorithm and origin.
    pub fingerprint: String,
    /// The public key as one line of `authorized_keys`.
    pub public_key: String,
    /// When it was made or imported.
    pub created: Timestamp,
    /// Tags.
    pub tags: Tags,
}
