//! `DELETE /v1/addresses/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_engine::api::address::AddressName;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Releases an elastic address that leads nowhere.
#[utoipa::path(delete, path = "/v1/addresses/{id}", operation_id = "release_address",
    tag = "network", params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn release(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    api.cloud.release_address(&AddressName::Allocation(parse_id(&id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
