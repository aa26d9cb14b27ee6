//! `POST /v1/route-tables/{id}/associate`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::route::{AssociateRouteTable, RouteTable};
use cumulet_model::RouteTableId;
use cumulet_model::error::parse_id;

use crate::convert::route::table_to;
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Has a subnet use a route table, in place of the one that it uses now.
#[utoipa::path(post, path = "/v1/route-tables/{id}/associate", operation_id = "associate_route_table", tag = "network", params(("id" = String, Path, description = "Its id")), request_body = AssociateRouteTable, responses(
        (status = 200, description = "The table", body = RouteTable),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn associate(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<AssociateRouteTable>,
) -> Result<Json<RouteTable>> {
    let id: RouteTableId = parse_id(&id)?;
    let subnet = parse_id(&request.subnet_id)?;
    let tables = api.cloud.route_tables().await?;
    let held = tables.iter().flat_map(|shown| &shown.table.subnets).find(|held| held.subnet_id == subnet);
    match held {
        Some(held) => drop(api.cloud.replace_association(&held.id, &id).await?),
        None => drop(api.cloud.associate_route_table(&id, &subnet).await?),
    }
    Ok(Json(table_to(super::table(&api, &id).await?)))
}
