//! `POST /v1/instances/{id}/start`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::instance::StateChange;
use cumulet_model::error::parse_id;

use super::only;
use crate::convert::instance::change_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Starts a stopped instance. The answer comes at once; poll the instance for the end.
#[utoipa::path(post, path = "/v1/instances/{id}/start", operation_id = "start_instance", tag = "instances",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "The state before and after", body = StateChange),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn start(State(api): State<Api>, Segment(id): Segment<String>) -> Result<Json<StateChange>> {
    let id = parse_id(&id)?;
    let changes = api.cloud.start_instances(std::slice::from_ref(&id)).await?;
    Ok(Json(change_to(only(changes, &id)?)))
}
