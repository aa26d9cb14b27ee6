//! `GET /v1/instances/{id}/console`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::console::{ConsolePiece, ConsoleQuery};
use cumulet_api_types::error::ErrorReply;
use cumulet_engine::api::instance::ConsolePiece as ConsoleOutput;
use cumulet_model::error::parse_id;
use cumulet_model::state::InstanceState;
use cumulet_model::{ErrorCode, InstanceId};

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
    let id = parse_id(&id)?;
    let piece = match api.cloud.console_read(&id, query.offset, query.wait).await {
        // An instance whose machine is yet to come, or gone with all it left, has said nothing; as GetConsoleOutput.
        Err(error) if error.code == ErrorCode::InternalError && !runs(&api, &id).await? => {
            let offset = query.offset.unwrap_or(0);
            ConsoleOutput { offset, next: offset, data: Vec::new() }
        }
        piece => piece?,
    };
    Ok(Json(ConsolePiece { offset: piece.offset, next: piece.next, data_base64: base64_to(&piece.data) }))
}

async fn runs(api: &Api, id: &InstanceId) -> Result<bool> {
    Ok(api.cloud.instance(id).await?.state == InstanceState::Running)
}
