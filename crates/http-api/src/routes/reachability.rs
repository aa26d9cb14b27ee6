//! `POST /v1/reachability`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::reachability::{AskReachability, ReachabilityAnswer};

use crate::convert::reachability::{ask_from, reachability_to};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Which way traffic takes from here to there, or all that stops it; and what the kernel does.
#[utoipa::path(post, path = "/v1/reachability", operation_id = "ask_reachability", tag = "network",
    request_body = AskReachability, responses(
        (status = 200, description = "The answer", body = ReachabilityAnswer),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn ask(
    State(api): State<Api>,
    Body(request): Body<AskReachability>,
) -> Result<Json<ReachabilityAnswer>> {
    Ok(Json(reachability_to(api.cloud.trace(&ask_from(request)?).await?)))
}
