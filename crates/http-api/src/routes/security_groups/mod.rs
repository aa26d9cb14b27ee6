//! `/v1/security-groups`: a file for each endpoint.

mod authorize;
mod create;
mod delete;
mod get;
mod list;
mod revoke;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::router::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(get::get, delete::delete))
        .routes(routes!(authorize::authorize))
        .routes(routes!(revoke::revoke))
}
