//! `POST /v1/volumes/{id}/detach`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::volume::{DetachQuery, VolumeAttachment};
use cumulet_engine::api::volume::DetachVolume;
use cumulet_model::error::parse_id;

use crate::convert::volume::attachment_to;
use crate::error::Result;
use crate::extract::{Search, Segment};
use crate::router::Api;

/// Detaches a volume: the guest is asked to let go of it, or it is taken away. The answer comes at once.
#[utoipa::path(post, path = "/v1/volumes/{id}/detach", operation_id = "detach_volume", tag = "volumes",
    params(("id" = String, Path, description = "Its id"), DetachQuery), responses(
        (status = 200, description = "The attachment that ends", body = VolumeAttachment),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn detach(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Search(query): Search<DetachQuery>,
) -> Result<Json<VolumeAttachment>> {
    let request =
        DetachVolume { volume_id: parse_id(&id)?, instance_id: None, device: None, force: query.force };
    Ok(Json(attachment_to(api.cloud.detach_volume(request).await?)))
}
