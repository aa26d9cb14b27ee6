//! DeregisterImage: an image is no longer there for launches; what runs of it goes on.

use cumulet_model::ImageId;

use crate::call::{Answer, Call, done};
use crate::describe::select;
use crate::resources::image::KIND;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: ImageId = params.required_id("ImageId")?;
    if params.flag("DeleteAssociatedSnapshots")? == Some(true) {
        call.warn("DeleteAssociatedSnapshots: images here have no snapshots");
    }
    if let Some(by) = &KIND.ids {
        select(by, &[id.as_str()], call.cloud.images().await?)?;
    }
    call.check_dry_run()?;
    call.cloud.deregister_image(&id).await?;
    Ok(done().and(Xml::new().list("deleteSnapshotResultSet", [])))
}
