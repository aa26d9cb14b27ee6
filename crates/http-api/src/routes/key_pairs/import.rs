//! `POST /v1/key-pairs/import`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::key_pair::{ImportKeyPair, KeyPair};

use crate::convert::key_pair::{import_from, key_pair_to};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Takes in a public key that was made elsewhere.
#[utoipa::path(post, path = "/v1/key-pairs/import", operation_id = "import_key_pair", tag = "key pairs",
    request_body = ImportKeyPair, responses(
        (status = 201, description = "It is there", body = KeyPair),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn import(
    State(api): State<Api>,
    Body(request): Body<ImportKeyPair>,
) -> Result<(StatusCode, Json<KeyPair>)> {
    let pair = api.cloud.import_key_pair(import_from(request)).await?;
    Ok((StatusCode::CREATED, Json(key_pair_to(pair))))
}
