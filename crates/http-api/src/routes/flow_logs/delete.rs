//! `DELETE /v1/flow-logs/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Deletes a flow log. Its files stay for their time.
#[utoipa::path(delete, path = "/v1/flow-logs/{id}", operation_id = "delete_flow_log", tag = "network",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn delete(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    match api.cloud.delete_flow_logs(&[parse_id(&id)?]).await?.pop() {
        Some((_, refusal)) => Err(refusal.into()),
        None => Ok(StatusCode::NO_CONTENT),
    }
}
