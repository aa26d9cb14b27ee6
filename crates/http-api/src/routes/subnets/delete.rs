//! `DELETE /v1/subnets/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Deletes a subnet that nothing is in.
#[utoipa::path(delete, path = "/v1/subnets/{id}", operation_id = "delete_subnet", tag = "network", params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn delete(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    api.cloud.delete_subnet(&parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
