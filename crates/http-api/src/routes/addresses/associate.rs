//! `POST /v1/addresses/{id}/associate`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::address::{Address, AssociateAddress};
use cumulet_api_types::error::ErrorReply;
use cumulet_model::AllocationId;
use cumulet_model::error::parse_id;

use crate::convert::address::{address_to, associate_from};
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Leads an elastic address to an instance or interface, in one step also if it led elsewhere.
#[utoipa::path(post, path = "/v1/addresses/{id}/associate", operation_id = "associate_address",
    tag = "network", params(("id" = String, Path, description = "Its id")), request_body = AssociateAddress,
    responses(
        (status = 200, description = "The address", body = Address),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn associate(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<AssociateAddress>,
) -> Result<Json<Address>> {
    let id: AllocationId = parse_id(&id)?;
    api.cloud.associate_address(associate_from(id.clone(), request)?).await?;
    Ok(Json(address_to(super::address(&api, &id).await?)))
}
