//! `/v1/internet-gateways`: a file for each endpoint.

mod create;
mod delete;
mod list;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::router::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list::list, create::create)).routes(routes!(delete::delete))
}
