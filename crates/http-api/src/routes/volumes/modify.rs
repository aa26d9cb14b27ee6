//! `POST /v1/volumes/{id}/modify`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::volume::{ModifyVolume, VolumeModification};
use cumulet_model::error::parse_id;

use crate::convert::volume::{modification_to, modify_from};
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Grows a volume, or gives it another type or other figures, also while a guest uses it.
#[utoipa::path(post, path = "/v1/volumes/{id}/modify", operation_id = "modify_volume", tag = "volumes",
    params(("id" = String, Path, description = "Its id")), request_body = ModifyVolume, responses(
        (status = 200, description = "The modification that begins", body = VolumeModification),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn modify(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<ModifyVolume>,
) -> Result<Json<VolumeModification>> {
    let request = modify_from(parse_id(&id)?, request)?;
    Ok(Json(modification_to(api.cloud.modify_volume(request).await?)))
}
