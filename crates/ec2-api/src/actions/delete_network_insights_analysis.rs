//! DeleteNetworkInsightsAnalysis.

use cumulet_model::InsightsAnalysisId;

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: InsightsAnalysisId = call.params().required_id("NetworkInsightsAnalysisId")?;
    call.cloud.insights_analysis(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_insights_analysis(&id).await?;
    Ok(Xml::new().text("networkInsightsAnalysisId", id))
}
