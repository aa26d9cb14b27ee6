//! `DELETE /v1/images/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Removes an image. Instances launched from it live on.
#[utoipa::path(delete, path = "/v1/images/{id}", operation_id = "deregister_image", tag = "images",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn deregister(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    api.cloud.deregister_image(&parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
