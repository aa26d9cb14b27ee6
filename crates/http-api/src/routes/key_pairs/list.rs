//! `GET /v1/key-pairs`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::key_pair::KeyPairList;

use crate::convert::key_pair::key_pair_to;
use crate::error::Result;
use crate::router::Api;

/// All key pairs.
#[utoipa::path(get, path = "/v1/key-pairs", operation_id = "list_key_pairs", tag = "key pairs", responses(
    (status = 200, description = "They", body = KeyPairList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<KeyPairList>> {
    let key_pairs = api.cloud.key_pairs().await?.into_iter().map(key_pair_to).collect();
    Ok(Json(KeyPairList { key_pairs }))
}
