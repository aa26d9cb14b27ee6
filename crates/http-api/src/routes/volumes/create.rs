//! `POST /v1/volumes`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::volume::{CreateVolume, Volume};

use crate::convert::volume::{create_from, volume_to};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes a volume: it comes creating, and becomes available.
#[utoipa::path(post, path = "/v1/volumes", operation_id = "create_volume", tag = "volumes",
    request_body = CreateVolume, responses(
        (status = 201, description = "It is being made", body = Volume),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateVolume>,
) -> Result<(StatusCode, Json<Volume>)> {
    let zone = api.cloud.region().zones.first().map(|zone| zone.name.clone()).unwrap_or_default();
    let volume = api.cloud.create_volume(create_from(request, &zone)?).await?;
    Ok((StatusCode::CREATED, Json(volume_to(volume))))
}
