//! `POST /v1/instances/{id}/reboot`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Reboots an instance: it stays `running` and keeps everything.
#[utoipa::path(post, path = "/v1/instances/{id}/reboot", operation_id = "reboot_instance", tag = "instances",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "The reboot is asked for"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn reboot(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    api.cloud.reboot_instances(&[parse_id(&id)?]).await?;
    Ok(StatusCode::NO_CONTENT)
}
