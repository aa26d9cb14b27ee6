//! `POST /v1/key-pairs`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::key_pair::{CreateKeyPair, CreatedKeyPair};

use crate::convert::key_pair::{create_from, created_to};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes a key pair. The private key is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/key-pairs", operation_id = "create_key_pair", tag = "key pairs",
    request_body = CreateKeyPair, responses(
        (status = 201, description = "It is made", body = CreatedKeyPair),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateKeyPair>,
) -> Result<(StatusCode, Json<CreatedKeyPair>)> {
    let created = api.cloud.create_key_pair(create_from(request)).await?;
    Ok((StatusCode::CREATED, Json(created_to(created))))
}
