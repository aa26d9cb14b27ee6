//! `/v1/instances`: a file for each endpoint.

mod agent;
mod console_read;
mod console_write;
mod exec;
mod files;
mod fork;
mod forward;
mod get;
mod list;
mod modify;
mod reboot;
mod run;
mod save;
mod start;
mod stop;
mod terminate;
mod user_data;

use cumulet_model::instance::StateChange;
use cumulet_model::{CloudError, InstanceId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::router::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list, run::run))
        .routes(routes!(get::get, modify::modify))
        .routes(routes!(start::start))
        .routes(routes!(fork::fork))
        .routes(routes!(save::save))
        .routes(routes!(stop::stop))
        .routes(routes!(reboot::reboot))
        .routes(routes!(terminate::terminate))
        .routes(routes!(user_data::user_data))
        .routes(routes!(console_read::read, console_write::write))
        .routes(routes!(agent::agent))
        .routes(routes!(exec::exec))
        .routes(routes!(forward::forward))
        .routes(routes!(files::get))
        .routes(routes!(files::put))
}

/// The change of the one instance that was asked for.
fn only(changes: Vec<StateChange>, id: &InstanceId) -> Result<StateChange> {
    let change = changes.into_iter().find(|change| change.instance_id == *id);
    change.ok_or_else(|| CloudError::internal("the change of state was not told").into())
}
