//! `GET /v1/addresses`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::address::AddressList;
use cumulet_api_types::error::ErrorReply;

use crate::convert::address::address_to;
use crate::error::Result;
use crate::router::Api;

/// All elastic addresses.
#[utoipa::path(get, path = "/v1/addresses", operation_id = "list_addresses", tag = "network", responses(
    (status = 200, description = "They", body = AddressList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<AddressList>> {
    let addresses: Vec<_> = api.cloud.addresses().await?.into_iter().map(address_to).collect();
    let idle = addresses.iter().filter(|address| address.association.is_none()).count();
    Ok(Json(AddressList { addresses, idle }))
}
