//! `GET /v1/volumes/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::volume::VolumeDetail;
use cumulet_model::VolumeId;
use cumulet_model::error::parse_id;

use crate::convert::volume::{modification_to, volume_to};
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// One volume.
#[utoipa::path(get, path = "/v1/volumes/{id}", operation_id = "get_volume", tag = "volumes",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "It", body = VolumeDetail),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(State(api): State<Api>, Segment(id): Segment<String>) -> Result<Json<VolumeDetail>> {
    let id: VolumeId = parse_id(&id)?;
    let volume = volume_to(api.cloud.volume(&id).await?);
    let all = api.cloud.volume_modifications().await?;
    let modification = all.into_iter().find(|one| one.volume_id == id).map(modification_to);
    Ok(Json(VolumeDetail { volume, modification }))
}
