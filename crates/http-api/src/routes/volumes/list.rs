//! `GET /v1/volumes`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::volume::VolumeList;

use crate::convert::volume::volume_to;
use crate::error::Result;
use crate::router::Api;

/// All volumes.
#[utoipa::path(get, path = "/v1/volumes", operation_id = "list_volumes", tag = "volumes", responses(
    (status = 200, description = "They", body = VolumeList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<VolumeList>> {
    let volumes = api.cloud.volumes().await?.into_iter().map(volume_to).collect();
    Ok(Json(VolumeList { volumes }))
}
