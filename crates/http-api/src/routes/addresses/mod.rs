//! `/v1/addresses`: a file for each endpoint.

mod allocate;
mod associate;
mod disassociate;
mod list;
mod release;

use cumulet_model::elastic::ElasticAddress;
use cumulet_model::{AllocationId, ErrorCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::router::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list, allocate::allocate))
        .routes(routes!(release::release))
        .routes(routes!(associate::associate))
        .routes(routes!(disassociate::disassociate))
}

/// The address as it is now.
async fn address(api: &Api, id: &AllocationId) -> Result<ElasticAddress> {
    let all = api.cloud.addresses().await?;
    super::find(all, |held| held.id == *id, ErrorCode::InvalidAllocationIdNotFound, "allocation ID", id)
}
