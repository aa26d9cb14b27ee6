//! `POST /v1/teardown`: everything that the cloud made on the host goes; what it knows stays.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::host::TornDown;

use crate::error::Result;
use crate::router::Api;

/// Ends all machines and removes the host's network state. Rows, images and volumes stay. Answers when done.
#[utoipa::path(post, path = "/v1/teardown", tag = "host", responses(
    (status = 200, description = "The host is clean", body = TornDown),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn teardown(State(api): State<Api>) -> Result<Json<TornDown>> {
    api.cloud.teardown().await?;
    Ok(Json(TornDown { status: "clean".into() }))
}
