//! `PATCH /v1/instances/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::instance::{Instance, ModifyInstance};
use cumulet_model::InstanceId;
use cumulet_model::error::parse_id;

use crate::convert::instance::{changes_from, credit_mode_from, instance_to, metadata_from};
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Changes an instance. Several changes are made one after the other; the first that is refused ends them.
#[utoipa::path(patch, path = "/v1/instances/{id}", operation_id = "modify_instance", tag = "instances",
    params(("id" = String, Path, description = "Its id")), request_body = ModifyInstance, responses(
        (status = 200, description = "The instance as it is now", body = Instance),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn modify(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(mut request): Body<ModifyInstance>,
) -> Result<Json<Instance>> {
    let id: InstanceId = parse_id(&id)?;
    let options = request.metadata_options.take();
    let credit_mode = request.credit_mode.take();
    for change in changes_from(request)? {
        api.cloud.modify_instance_attribute(&id, change).await?;
    }
    if let Some(options) = options {
        api.cloud.modify_metadata_options(&id, metadata_from(options)).await?;
    }
    if let Some(mode) = credit_mode {
        api.cloud.modify_credit_mode(&id, credit_mode_from(mode)).await?;
    }
    Ok(Json(instance_to(api.cloud.instance(&id).await?)))
}
