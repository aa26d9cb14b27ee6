//! `POST /v1/instances/{id}/fork`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::fork::ForkInstance;
use cumulet_api_types::run::Launched;
use cumulet_engine::api::instance as engine;
use cumulet_model::error::parse_id;

use crate::convert::run::launched_to;
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Makes instances that begin where a running one is: its memory and disks, copy-on-write, with an identity of their
/// own. The answer comes with them `pending`.
#[utoipa::path(post, path = "/v1/instances/{id}/fork", operation_id = "fork_instance", tag = "instances",
    params(("id" = String, Path, description = "The source's id")), request_body = ForkInstance, responses(
        (status = 201, description = "They are being made", body = Launched),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn fork(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<ForkInstance>,
) -> Result<(StatusCode, Json<Launched>)> {
    let source = parse_id(&id)?;
    let request = engine::ForkInstance {
        source,
        count: request.count.unwrap_or(1),
        tags: request.tags,
        client_token: request.client_token,
    };
    let reservation = api.cloud.fork_instance(request).await?;
    let launched = engine::Launched { reservation, warnings: Vec::new() };
    Ok((StatusCode::CREATED, Json(launched_to(launched))))
}
