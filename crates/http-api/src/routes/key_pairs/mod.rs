//! `/v1/key-pairs`: a file for each endpoint.

mod create;
mod delete;
mod get;
mod import;
mod list;

use cumulet_model::ErrorCode;
use cumulet_model::key::KeyPair;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::router::Api;
use crate::routes::find;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(import::import))
        .routes(routes!(get::get, delete::delete))
}

/// The key pair of that name or id.
async fn by_name_or_id(api: &Api, asked: &str) -> Result<KeyPair> {
    let is_it = |pair: &KeyPair| pair.name == asked || pair.id.as_str() == asked;
    let asked: String = asked.chars().take(255).collect();
    find(api.cloud.key_pairs().await?, is_it, ErrorCode::InvalidKeyPairNotFound, "key pair", asked)
}
