//! `DELETE /v1/key-pairs/{name_or_id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;

use super::by_name_or_id;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Removes a key pair. Instances that were launched with it keep the public key.
#[utoipa::path(delete, path = "/v1/key-pairs/{name_or_id}", operation_id = "delete_key_pair", tag = "key pairs",
    params(("name_or_id" = String, Path, description = "Its name or id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn delete(State(api): State<Api>, Segment(asked): Segment<String>) -> Result<StatusCode> {
    let pair = by_name_or_id(&api, &asked).await?;
    api.cloud.delete_key_pair(&pair.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
