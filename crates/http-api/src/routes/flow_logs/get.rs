//! `GET /v1/flow-logs/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::flow_log::FlowLog;
use cumulet_model::error::parse_id;

use crate::convert::flow_log::flow_log_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// One flow log, with what became of the traffic that it is of.
#[utoipa::path(get, path = "/v1/flow-logs/{id}", operation_id = "get_flow_log", tag = "network",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "It", body = FlowLog),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(State(api): State<Api>, Segment(id): Segment<String>) -> Result<Json<FlowLog>> {
    Ok(Json(flow_log_to(api.cloud.flow_log(&parse_id(&id)?).await?)))
}
