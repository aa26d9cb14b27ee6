//! `DELETE /v1/vpcs/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Deletes a VPC that nothing is in but what it was made with.
#[utoipa::path(delete, path = "/v1/vpcs/{id}", operation_id = "delete_vpc", tag = "network", params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn delete(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    api.cloud.delete_vpc(&parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
