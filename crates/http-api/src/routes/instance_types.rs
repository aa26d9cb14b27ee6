//! `GET /v1/instance-types`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::instance_type::{InstanceType, InstanceTypeList};

use crate::router::Api;

/// The catalogue of instance types.
#[utoipa::path(get, path = "/v1/instance-types", operation_id = "list_instance_types", tag = "instances", responses(
    (status = 200, description = "They", body = InstanceTypeList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Json<InstanceTypeList> {
    let types = api.cloud.instance_types().iter().map(|known| InstanceType {
        name: known.name.clone(),
        vcpus: known.vcpus,
        memory_mib: known.memory.0,
        burstable: known.credits.is_some(),
        max_interfaces: known.max_interfaces,
    });
    Json(InstanceTypeList { instance_types: types.collect() })
}
