//! `/v1/volumes`: a file for each endpoint.

mod attach;
mod create;
mod delete;
mod detach;
mod get;
mod list;
mod modify;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::router::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(get::get, delete::delete))
        .routes(routes!(attach::attach))
        .routes(routes!(detach::detach))
        .routes(routes!(modify::modify))
}
