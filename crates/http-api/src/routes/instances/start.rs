//! `POST /v1/instances/{id}/start`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::instance::{StartQuery, StateChange};
use cumulet_model::error::parse_id;

use super::only;
use crate::convert::instance::change_to;
use crate::error::Result;
use crate::extract::{Search, Segment};
use crate::router::Api;

/// Starts a stopped instance; a hibernated one goes on from its memory. The answer comes at once; poll the instance for the end.
#[utoipa::path(post, path = "/v1/instances/{id}/start", operation_id = "start_instance", tag = "instances",
    params(("id" = String, Path, description = "Its id"), StartQuery), responses(
        (status = 200, description = "The state before and after", body = StateChange),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn start(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Search(query): Search<StartQuery>,
) -> Result<Json<StateChange>> {
    let id = parse_id(&id)?;
    let ids = std::slice::from_ref(&id);
    let changes = match query.discard_memory {
        true => api.cloud.start_instances_without_memory(ids).await?,
        false => api.cloud.start_instances(ids).await?,
    };
    Ok(Json(change_to(only(changes, &id)?)))
}
