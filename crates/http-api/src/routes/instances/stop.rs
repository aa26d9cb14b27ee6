//! `POST /v1/instances/{id}/stop`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::instance::{StateChange, StopQuery};
use cumulet_model::CloudError;
use cumulet_model::error::parse_id;

use super::only;
use crate::convert::instance::change_to;
use crate::error::Result;
use crate::extract::{Search, Segment};
use crate::router::Api;

/// Stops an instance: it keeps its volumes and its private address. The answer comes at once.
#[utoipa::path(post, path = "/v1/instances/{id}/stop", operation_id = "stop_instance", tag = "instances",
    params(("id" = String, Path, description = "Its id"), StopQuery), responses(
        (status = 200, description = "The state before and after", body = StateChange),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn stop(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Search(query): Search<StopQuery>,
) -> Result<Json<StateChange>> {
    let id = parse_id(&id)?;
    let ids = std::slice::from_ref(&id);
    let changes = match (query.hibernate, query.force) {
        (true, true) => return Err(CloudError::combination("hibernate can't be given with force").into()),
        (true, false) => api.cloud.hibernate_instances(ids).await?,
        (false, force) => api.cloud.stop_instances(ids, force).await?,
    };
    Ok(Json(change_to(only(changes, &id)?)))
}
