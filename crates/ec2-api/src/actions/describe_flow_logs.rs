//! DescribeFlowLogs: flow logs by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::flow_log;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &flow_log::KIND, call.cloud.flow_logs()).await?;
    let items = picked.items.iter().map(flow_log::xml);
    Ok(Xml::new().list("flowLogSet", items).maybe("nextToken", picked.next_token))
}
