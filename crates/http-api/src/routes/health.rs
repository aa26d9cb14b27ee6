//! `GET /v1/health`: the daemon answers.

use axum::Json;
use cumulet_api_types::host::Health;

/// Whether the daemon answers.
#[utoipa::path(get, path = "/v1/health", tag = "host", responses(
    (status = 200, description = "It does", body = Health),
))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok".into() })
}
