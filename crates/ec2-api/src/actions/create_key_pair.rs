//! CreateKeyPair: makes a key pair and gives the private key, this once.

use cumulet_engine::api::key::CreateKeyPair;
use cumulet_model::key::{KeyFormat, KeyType};

use crate::call::{Answer, Call};
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let types = [("rsa", KeyType::Rsa), ("ed25519", KeyType::Ed25519)];
    let formats = [("pem", KeyFormat::Pem), ("ppk", KeyFormat::Ppk)];
    let request = CreateKeyPair {
        name: params.required("KeyName")?.to_owned(),
        key_type: params.word("KeyType", &types)?.unwrap_or(KeyType::Rsa),
        format: params.word("KeyFormat", &formats)?.unwrap_or_default(),
        tags: tags_for(&params, "key-pair")?,
    };
    call.check_dry_run()?;
    let made = call.cloud.create_key_pair(request).await?;
    Ok(Xml::new()
        .text("keyPairId", &made.key_pair.id)
        .tags_if_any(&made.key_pair.tags)
        .text("keyName", &made.key_pair.name)
        .text("keyFingerprint", &made.key_pair.fingerprint)
        .text("keyMaterial", &made.private_key))
}
