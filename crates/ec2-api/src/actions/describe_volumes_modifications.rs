//! DescribeVolumesModifications: the last modification of each volume that was ever modified.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::modification;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &modification::KIND, call.cloud.volume_modifications()).await?;
    let items = picked.items.iter().map(modification::xml);
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("volumeModificationSet", items))
}
