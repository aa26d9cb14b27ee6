//! `GET /v1/flow-logs`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::flow_log::FlowLogList;

use crate::convert::flow_log::flow_log_to;
use crate::error::Result;
use crate::router::Api;

/// All flow logs, oldest first.
#[utoipa::path(get, path = "/v1/flow-logs", operation_id = "list_flow_logs", tag = "network", responses(
    (status = 200, description = "They", body = FlowLogList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<FlowLogList>> {
    let flow_logs = api.cloud.flow_logs().await?.into_iter().map(flow_log_to).collect();
    Ok(Json(FlowLogList { flow_logs }))
}
