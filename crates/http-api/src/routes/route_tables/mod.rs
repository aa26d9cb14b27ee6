//! `/v1/route-tables`: a file for each endpoint.

mod add_route;
mod associate;
mod create;
mod delete;
mod list;
mod remove_route;

use cumulet_model::route::ShownRouteTable;
use cumulet_model::{ErrorCode, RouteTableId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::router::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(delete::delete))
        .routes(routes!(associate::associate))
        .routes(routes!(add_route::add, remove_route::remove))
}

/// The table as it is now.
async fn table(api: &Api, id: &RouteTableId) -> Result<ShownRouteTable> {
    let all = api.cloud.route_tables().await?;
    let code = ErrorCode::InvalidRouteTableIdNotFound;
    super::find(all, |shown| shown.table.id == *id, code, "routeTable ID", id)
}
