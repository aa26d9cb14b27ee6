//! `POST /v1/instances/{id}/console`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::console::{ConsoleInput, ConsoleWritten};
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;
use cumulet_model::{CloudError, ErrorCode};

use crate::convert::base64_from;
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// The most input in one request.
const INPUT_LIMIT: usize = 64 * 1024;

/// Types into the serial console.
#[utoipa::path(post, path = "/v1/instances/{id}/console", operation_id = "write_console", tag = "instances",
    params(("id" = String, Path, description = "The instance's id")), request_body = ConsoleInput, responses(
        (status = 200, description = "How much was taken", body = ConsoleWritten),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn write(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<ConsoleInput>,
) -> Result<Json<ConsoleWritten>> {
    let data = base64_from("data_base64", &request.data_base64, ErrorCode::InvalidParameterValue)?;
    if data.len() > INPUT_LIMIT {
        return Err(CloudError::invalid_value("data_base64: at most 64 KiB of input at a time").into());
    }
    let written = api.cloud.console_write(&parse_id(&id)?, &data).await?;
    Ok(Json(ConsoleWritten { written }))
}
