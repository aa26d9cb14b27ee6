//! DescribeKeyPairs: key pairs by name, id and filters.

use cumulet_model::CloudError;
use cumulet_model::key::KeyPair;

use crate::call::{Answer, Call};
use crate::describe::{Kind, describe, select};
use crate::resources::key_pair::{BY_ID, BY_NAME, FILTERS, xml};
use crate::xml::Xml;

const KIND: Kind<KeyPair> = Kind { ids: Some(BY_NAME), filters: &FILTERS, page: None };

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let with_public_key = call.params().flag("IncludePublicKey")?.unwrap_or(false);
    let picked = describe(call, &KIND, of_ids(call)).await?;
    Ok(Xml::new().list("keySet", picked.items.iter().map(|key| xml(key, with_public_key))))
}

async fn of_ids(call: &Call) -> Result<Vec<KeyPair>, CloudError> {
    let ids = call.params().texts(BY_ID.parameter)?;
    let all = call.cloud.key_pairs().await?;
    if ids.is_empty() { Ok(all) } else { select(&BY_ID, &ids, all) }
}
