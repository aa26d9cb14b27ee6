//! DeleteNetworkInsightsPath: a path without analyses.

use cumulet_model::InsightsPathId;

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: InsightsPathId = call.params().required_id("NetworkInsightsPathId")?;
    call.cloud.insights_path(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_insights_path(&id).await?;
    Ok(Xml::new().text("networkInsightsPathId", id))
}
