//! `DELETE /v1/security-groups/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Removes a security group that nothing uses.
#[utoipa::path(delete, path = "/v1/security-groups/{id}", operation_id = "delete_security_group",
    tag = "security groups", params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn delete(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    api.cloud.delete_security_group(&parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
