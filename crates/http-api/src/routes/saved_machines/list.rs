//! `GET /v1/saved-machines`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::saved_machine::SavedMachineList;

use crate::convert::saved_machine::saved_to;
use crate::error::Result;
use crate::router::Api;

/// All saved machines, oldest first.
#[utoipa::path(get, path = "/v1/saved-machines", operation_id = "list_saved_machines", tag = "instances", responses(
    (status = 200, description = "They", body = SavedMachineList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<SavedMachineList>> {
    let saved_machines = api.cloud.saved_machines().await?.into_iter().map(saved_to).collect();
    Ok(Json(SavedMachineList { saved_machines }))
}
