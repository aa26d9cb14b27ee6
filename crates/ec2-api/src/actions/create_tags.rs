//! CreateTags: adds tags to resources, or gives them new values.

use cumulet_model::CloudError;

use crate::call::{Answer, Call, done};
use crate::tags::tag_list;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let ids: Vec<String> = params.texts("ResourceId")?.into_iter().map(str::to_owned).collect();
    if ids.is_empty() {
        return Err(CloudError::missing("ResourceId"));
    }
    let tags = tag_list(&params)?;
    if tags.is_empty() {
        return Err(CloudError::missing("Tag"));
    }
    call.check_dry_run()?;
    call.cloud.create_tags(&ids, tags).await?;
    Ok(done())
}
