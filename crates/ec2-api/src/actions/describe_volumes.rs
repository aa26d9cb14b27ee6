//! DescribeVolumes: volumes by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::volume;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &volume::KIND, call.cloud.volumes()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|volume| volume::xml(volume, &facts));
    Ok(Xml::new().list("volumeSet", items).maybe("nextToken", picked.next_token))
}
