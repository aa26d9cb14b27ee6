//! Key pairs on the wire.

use cumulet_api_types::key_pair as wire;
use cumulet_engine::api::key::{CreateKeyPair, CreatedKeyPair, ImportKeyPair};
use cumulet_model::key::{KeyFormat, KeyPair, KeyType};

pub(crate) fn key_pair_to(pair: KeyPair) -> wire::KeyPair {
    wire::KeyPair {
        id: pair.id.into(),
        name: pair.name,
        key_type: match pair.key_type {
            KeyType::Rsa => wire::KeyType::Rsa,
            KeyType::Ed25519 => wire::KeyType::Ed25519,
        },
        fingerprint: pair.fingerprint,
        public_key: pair.public_key,
        created: pair.created,
        tags: pair.tags,
    }
}

pub(crate) fn created_to(created: CreatedKeyPair) -> wire::CreatedKeyPair {
    wire::CreatedKeyPair { key_pair: key_pair_to(created.key_pair), private_key: created.private_key }
}

pub(crate) fn create_from(request: wire::CreateKeyPair) -> CreateKeyPair {
    CreateKeyPair {
        name: request.name,
        key_type: match request.key_type {
            Some(wire::KeyType::Rsa) => KeyType::Rsa,
            Some(wire::KeyType::Ed25519) | None => KeyType::Ed25519,
        },
        format: match request.format {
            Some(wire::KeyFormat::Ppk) => KeyFormat::Ppk,
            Some(wire::KeyFormat::Pem) | None => KeyFormat::Pem,
        },
        tags: request.tags,
    }
}

pub(crate) fn import_from(request: wire::ImportKeyPair) -> ImportKeyPair {
    ImportKeyPair { name: request.name, public_key: request.public_key.into_bytes(), tags: request.tags }
}
