//! A key pair as DescribeKeyPairs shows it.

use cumulet_model::ErrorCode;
use cumulet_model::key::KeyPair;

use crate::describe::{Ids, any_form};
use crate::filter::{FilterTable, one};
use crate::xml::Xml;

/// Selection by name.
pub const BY_NAME: Ids<KeyPair> = Ids {
    parameter: "KeyName",
    of: |key| key.name.clone(),
    check: any_form,
    not_found: ErrorCode::InvalidKeyPairNotFound,
    noun: "key pair",
};

/// Selection by id.
pub const BY_ID: Ids<KeyPair> = Ids {
    parameter: "KeyPairId",
    of: |key| key.id.to_string(),
    check: any_form,
    not_found: ErrorCode::InvalidKeyPairNotFound,
    noun: "key pair ID",
};

/// Filters of key pairs.
pub const FILTERS: FilterTable<KeyPair> = FilterTable {
    names: &[
        ("fingerprint", |k, _| one(&k.fingerprint)),
        ("key-name", |k, _| one(&k.name)),
        ("key-pair-id", |k, _| one(&k.id)),
    ],
    absent: &[],
    tags: Some(|k| &k.tags),
};

/// A key pair's fields; the public key only if it was asked for.
pub fn xml(key: &KeyPair, with_public_key: bool) -> Xml {
    Xml::new()
        .text("keyPairId", &key.id)
        .text("keyType", key.key_type.as_str())
        .tags(&key.tags)
        .maybe("publicKey", with_public_key.then_some(&key.public_key))
        .time("createTime", key.created)
        .text("keyName", &key.name)
        .text("keyFingerprint", &key.fingerprint)
}
