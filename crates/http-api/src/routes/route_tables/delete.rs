//! `DELETE /v1/route-tables/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Deletes a route table that no subnet uses and that is not the main one.
#[utoipa::path(delete, path = "/v1/route-tables/{id}", operation_id = "delete_route_table", tag = "network", params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn delete(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    api.cloud.delete_route_table(&parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
