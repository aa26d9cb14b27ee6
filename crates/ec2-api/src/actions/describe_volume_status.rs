//! DescribeVolumeStatus: whether volumes can be read and written.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::volume_status;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    // Nobody manages resources here but their owner.
    call.params().flag("IncludeManagedResources")?;
    let picked = describe(call, &volume_status::KIND, call.cloud.volumes()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|volume| volume_status::xml(volume, &facts));
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("volumeStatusSet", items))
}
