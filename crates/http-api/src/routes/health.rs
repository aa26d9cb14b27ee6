//! `GET /v1/health`: the daemon answers.

use axum::Json;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::host::Health;

/// Whether the daemon answers.
#[utoipa::path(get, path = "/v1/health", tag = "host", responses(
    (status = 200, description = "It does", body = Health),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok".into() })
}
