//! `POST /v1/volumes/{id}/attach`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::volume::{AttachVolume, Volume};
use cumulet_model::error::parse_id;

use crate::convert::volume::volume_to;
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Attaches a volume to an instance that runs or is stopped. The answer comes at once; poll the volume for the end.
#[utoipa::path(post, path = "/v1/volumes/{id}/attach", operation_id = "attach_volume", tag = "volumes",
    params(("id" = String, Path, description = "Its id")), request_body = AttachVolume, responses(
        (status = 200, description = "The volume", body = Volume),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn attach(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<AttachVolume>,
) -> Result<Json<Volume>> {
    let (volume_id, instance_id) = (parse_id(&id)?, parse_id(&request.instance_id)?);
    let device = match request.device_name {
        Some(device) => device,
        None => api.cloud.free_device(&instance_id).await?,
    };
    let request = cumulet_engine::api::volume::AttachVolume { volume_id, instance_id, device };
    Ok(Json(volume_to(api.cloud.attach_volume(request).await?)))
}
