//! The endpoints: one file each, or one for a small resource's.

mod addresses;
mod aws_env;
mod flow_logs;
mod health;
mod host;
mod images;
mod instance_types;
mod instances;
mod internet_gateways;
mod key_pairs;
mod network_interfaces;
mod reachability;
mod route_tables;
mod saved_machines;
mod security_groups;
mod subnets;
mod tags;
mod teardown;
mod volumes;
mod vpcs;

use cumulet_model::{CloudError, ErrorCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::router::Api;

/// What answers within a moment.
pub(crate) fn quick() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(host::facts))
        .routes(routes!(aws_env::aws_env))
        .merge(addresses::routes())
        .merge(flow_logs::routes())
        .merge(instances::routes())
        .merge(images::routes())
        .merge(key_pairs::routes())
        .merge(saved_machines::routes())
        .merge(security_groups::routes())
        .merge(tags::routes())
        .merge(volumes::routes())
        .merge(vpcs::routes())
        .merge(subnets::routes())
        .merge(route_tables::routes())
        .merge(internet_gateways::routes())
        .routes(routes!(reachability::ask))
        .merge(network_interfaces::routes())
        .routes(routes!(instance_types::list))
}

/// What may take minutes.
pub(crate) fn slow() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(teardown::teardown))
}

/// The one of `all` that `is_it` knows; else the error of a resource that isn't there.
fn find<T>(
    all: Vec<T>,
    is_it: impl Fn(&T) -> bool,
    code: ErrorCode,
    what: &str,
    asked: impl std::fmt::Display,
) -> Result<T> {
    let found = all.into_iter().find(is_it);
    found.ok_or_else(|| CloudError::not_found(code, what, asked).into())
}
