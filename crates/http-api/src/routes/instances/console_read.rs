//! `GET /v1/instances/{id}/console`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::console::{ConsolePiece, ConsoleQuery};
use cumulet_api_types::error::ErrorReply;
use cumulet_model::error::parse_id;

use crate::convert::base64_to;
use crate::error::Result;
use crate::extract::{Search, Segment};
use crate::router::Api;

/// A piece of the serial console. To follow it: ask for the last piece's `next` with `wait=true`, again and again.
#[utoipa::path(get, path = "/v1/instances/{id}/console", operation_id = "read_console", tag = "instances",
    params(("id" = String, Path, description = "The instance's id"), ConsoleQuery), responses(
        (status = 200, description = "The piece, empty when there was nothing to wait for", body = ConsolePiece),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Search(query): Search<ConsoleQuery>,
) -> Result<Json<ConsolePiece>> {
    let piece = api.cloud.console_read(&parse_id(&id)?, query.offset, query.wait).await?;
    Ok(Json(ConsolePiece { offset: piece.offset, next: piece.next, data_base64: base64_to(&piece.data) }))
}
