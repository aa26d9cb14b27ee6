//! `cumulet flow-log ls`.

use cumulet_client::types::flow_log::FlowLogList;

use crate::context::Context;
use crate::failure::Result;

/// Lists flow logs.
pub async fn run(context: &Context) -> Result<()> {
    let list = FlowLogList { flow_logs: context.client.flow_logs().await? };
    if context.printed_json(&list)? { Ok(()) } else { super::table(context, &list.flow_logs) }
}
