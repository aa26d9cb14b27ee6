//! `/v1/saved-machines`: a file for each endpoint.

mod delete;
mod fork;
mod get;
mod list;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::router::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(get::get, delete::delete))
        .routes(routes!(fork::fork))
}
