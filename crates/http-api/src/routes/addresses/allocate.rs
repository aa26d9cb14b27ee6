//! `POST /v1/addresses`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::address::{Address, AllocateAddress};
use cumulet_api_types::error::ErrorReply;

use crate::convert::address::{address_to, ipv4};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Allocates an elastic address.
#[utoipa::path(post, path = "/v1/addresses", operation_id = "allocate_address", tag = "network",
    request_body = AllocateAddress, responses(
        (status = 201, description = "It is yours", body = Address),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn allocate(
    State(api): State<Api>,
    Body(request): Body<AllocateAddress>,
) -> Result<(StatusCode, Json<Address>)> {
    let wanted = request.public_ip.map(|text| ipv4("public_ip", &text)).transpose()?;
    let address = api.cloud.allocate_address(wanted, request.tags).await?;
    Ok((StatusCode::CREATED, Json(address_to(address))))
}
