//! `POST /v1/instances/{id}/save`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::saved_machine::{SaveMachine, SavedMachine};
use cumulet_engine::api::instance as engine;
use cumulet_model::error::parse_id;

use crate::convert::saved_machine::saved_to;
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Saves a running instance's machine, to fork from later; the instance goes on. The answer comes with it `saving`.
#[utoipa::path(post, path = "/v1/instances/{id}/save", operation_id = "save_instance", tag = "instances",
    params(("id" = String, Path, description = "Its id")), request_body = SaveMachine, responses(
        (status = 201, description = "It is being saved", body = SavedMachine),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn save(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<SaveMachine>,
) -> Result<(StatusCode, Json<SavedMachine>)> {
    let source = parse_id(&id)?;
    let request = engine::SaveMachine { source, name: request.name, client_token: request.client_token };
    Ok((StatusCode::CREATED, Json(saved_to(api.cloud.save_machine(request).await?))))
}
