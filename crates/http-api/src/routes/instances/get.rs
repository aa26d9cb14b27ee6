//! `GET /v1/instances/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::instance::InstanceDetail;
use cumulet_model::error::parse_id;

use crate::convert::instance::{credits_to, instance_to, reachability_to};
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// One instance with its status check.
#[utoipa::path(get, path = "/v1/instances/{id}", operation_id = "get_instance", tag = "instances",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "It", body = InstanceDetail),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(
    State(api): State<Api>,
    Segment(id): Segment<String>,
) -> Result<Json<InstanceDetail>> {
    let id = parse_id(&id)?;
    let instance = instance_to(api.cloud.instance(&id).await?);
    let reachability = reachability_to(api.cloud.reachability(&id).await?);
    let cpu_credits = api.cloud.credits(&id).await?.map(credits_to);
    Ok(Json(InstanceDetail { instance, reachability, cpu_credits }))
}
