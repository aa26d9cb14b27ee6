//! `POST /v1/addresses/{id}/disassociate`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::address::Address;
use cumulet_api_types::error::ErrorReply;
use cumulet_engine::api::address::{AddressName, AssociationName};
use cumulet_model::AllocationId;
use cumulet_model::error::parse_id;

use crate::convert::address::address_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Lets an elastic address lead nowhere; it stays allocated.
#[utoipa::path(post, path = "/v1/addresses/{id}/disassociate", operation_id = "disassociate_address",
    tag = "network", params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "The address", body = Address),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn disassociate(
    State(api): State<Api>,
    Segment(id): Segment<String>,
) -> Result<Json<Address>> {
    let id: AllocationId = parse_id(&id)?;
    let name = AssociationName::Address(AddressName::Allocation(id.clone()));
    api.cloud.disassociate_address(&name).await?;
    Ok(Json(address_to(super::address(&api, &id).await?)))
}
