//! `GET /v1/key-pairs/{name_or_id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::key_pair::KeyPair;

use super::by_name_or_id;
use crate::convert::key_pair::key_pair_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// One key pair.
#[utoipa::path(get, path = "/v1/key-pairs/{name_or_id}", operation_id = "get_key_pair", tag = "key pairs",
    params(("name_or_id" = String, Path, description = "Its name or id")), responses(
        (status = 200, description = "It", body = KeyPair),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(State(api): State<Api>, Segment(asked): Segment<String>) -> Result<Json<KeyPair>> {
    Ok(Json(key_pair_to(by_name_or_id(&api, &asked).await?)))
}
