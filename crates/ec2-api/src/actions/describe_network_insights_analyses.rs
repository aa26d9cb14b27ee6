//! DescribeNetworkInsightsAnalyses: analyses by id, path, time, filters and page.

use cumulet_model::InsightsPathId;
use jiff::Timestamp;

use crate::call::{Answer, Call};
use crate::describe::describe_where;
use crate::resources::insights;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let path: Option<InsightsPathId> = params.id("NetworkInsightsPathId")?;
    let rule = "expected a time such as 2026-01-02T03:04:05Z";
    let from: Option<Timestamp> = params.parsed("AnalysisStartTime", rule)?;
    let to: Option<Timestamp> = params.parsed("AnalysisEndTime", rule)?;
    let analyses = call.cloud.insights_analyses();
    let picked = describe_where(call, &insights::ANALYSIS, analyses, |analysis| {
        path.as_ref().is_none_or(|path| analysis.path_id == *path)
            && from.is_none_or(|from| analysis.started >= from)
            && to.is_none_or(|to| analysis.started <= to)
    })
    .await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|analysis| insights::analysis_xml(analysis, &facts));
    Ok(Xml::new().list("networkInsightsAnalysisSet", items).maybe("nextToken", picked.next_token))
}
