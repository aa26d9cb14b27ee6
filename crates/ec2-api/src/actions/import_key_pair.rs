//! ImportKeyPair: takes a public key that was made elsewhere.

use cumulet_engine::api::key::ImportKeyPair;
use cumulet_model::{CloudError, ErrorCode};

use super::shared::encoding::base64;
use crate::call::{Answer, Call};
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let public_key = base64(params.required("PublicKeyMaterial")?).ok_or_else(|| {
        CloudError::new(ErrorCode::InvalidKeyFormat, "The parameter PublicKeyMaterial is not in base64")
    })?;
    let request = ImportKeyPair {
        name: params.required("KeyName")?.to_owned(),
        public_key,
        tags: tags_for(&params, "key-pair")?,
    };
    call.check_dry_run()?;
    let key = call.cloud.import_key_pair(request).await?;
    Ok(Xml::new()
        .text("keyFingerprint", &key.fingerprint)
        .text("keyName", &key.name)
        .text("keyPairId", &key.id)
        .tags_if_any(&key.tags))
}
