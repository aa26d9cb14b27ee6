//! StartNetworkInsightsAnalysis: done at once, by the network as it is now.

use cumulet_engine::api::insights::StartInsightsAnalysis;

use crate::call::{Answer, Call};
use crate::resources::insights;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["AdditionalAccount"])?;
    let arns = |name| -> Result<Vec<String>, cumulet_model::CloudError> {
        Ok(params.texts(name)?.into_iter().map(str::to_owned).collect())
    };
    let request = StartInsightsAnalysis {
        path_id: params.required_id("NetworkInsightsPathId")?,
        through: arns("FilterInArn")?,
        not_through: arns("FilterOutArn")?,
        tags: tags_for(&params, "network-insights-analysis")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.cloud.insights_path(&request.path_id).await?;
    call.check_dry_run()?;
    let analysis = call.cloud.start_insights_analysis(request).await?;
    Ok(Xml::new().node("networkInsightsAnalysis", insights::analysis_xml(&analysis, &call.facts())))
}
