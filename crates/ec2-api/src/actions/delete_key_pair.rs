//! DeleteKeyPair: by name, where one that is not there is a success, or by id.

use cumulet_model::CloudError;

use crate::call::{Answer, Call, done};
use crate::describe::select;
use crate::resources::key_pair::BY_ID;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let name = match (params.text("KeyName"), params.text("KeyPairId")) {
        (Some(_), Some(_)) => {
            let text = "The parameter KeyName cannot be used with the parameter KeyPairId";
            return Err(CloudError::combination(text));
        }
        (Some(name), None) => name.to_owned(),
        (None, Some(id)) => {
            let mut found = select(&BY_ID, &[id], call.cloud.key_pairs().await?)?;
            found.pop().map(|key| key.name).unwrap_or_default()
        }
        (None, None) => return Err(CloudError::missing("KeyName")),
    };
    call.check_dry_run()?;
    let gone = call.cloud.delete_key_pair(&name).await?;
    Ok(done().maybe("keyPairId", gone.map(|key| key.id)))
}
