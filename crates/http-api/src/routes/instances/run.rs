//! `POST /v1/instances`: a launch.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::run::{Launched, RunInstances};

use crate::convert::run::{launched_to, run_from};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Launches instances. The answer comes with them `pending`.
#[utoipa::path(post, path = "/v1/instances", operation_id = "run_instances", tag = "instances",
    request_body = RunInstances, responses(
        (status = 201, description = "They are being launched", body = Launched),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn run(
    State(api): State<Api>,
    Body(request): Body<RunInstances>,
) -> Result<(StatusCode, Json<Launched>)> {
    let launched = api.cloud.run_instances(run_from(request)?).await?;
    Ok((StatusCode::CREATED, Json(launched_to(launched))))
}
