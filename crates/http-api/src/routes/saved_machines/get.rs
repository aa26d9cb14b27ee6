//! `GET /v1/saved-machines/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::saved_machine::SavedMachine;
use cumulet_model::error::parse_id;

use crate::convert::saved_machine::saved_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// One saved machine.
#[utoipa::path(get, path = "/v1/saved-machines/{id}", operation_id = "get_saved_machine", tag = "instances",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "It", body = SavedMachine),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(State(api): State<Api>, Segment(id): Segment<String>) -> Result<Json<SavedMachine>> {
    Ok(Json(saved_to(api.cloud.saved_machine(&parse_id(&id)?).await?)))
}
