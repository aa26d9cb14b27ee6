//! DescribeNetworkInsightsPaths: paths by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::insights;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &insights::PATH, call.cloud.insights_paths()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|path| insights::path_xml(path, &facts));
    Ok(Xml::new().list("networkInsightsPathSet", items).maybe("nextToken", picked.next_token))
}
