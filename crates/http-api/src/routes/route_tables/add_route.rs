//! `POST /v1/route-tables/{id}/routes`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::route::{CreateRoute, RouteTable};
use cumulet_engine::api::vpc::RouteRequest;
use cumulet_model::RouteTableId;
use cumulet_model::error::parse_id;

use crate::convert::route::{table_to, target_from};
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Adds a route to a table.
#[utoipa::path(post, path = "/v1/route-tables/{id}/routes", operation_id = "create_route", tag = "network", params(("id" = String, Path, description = "Its id")), request_body = CreateRoute, responses(
        (status = 200, description = "The table", body = RouteTable),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn add(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<CreateRoute>,
) -> Result<Json<RouteTable>> {
    let id: RouteTableId = parse_id(&id)?;
    let request = RouteRequest {
        route_table_id: id.clone(),
        destination: request.destination.parse()?,
        target: target_from(&request.target)?,
    };
    api.cloud.create_route(request).await?;
    Ok(Json(table_to(super::table(&api, &id).await?)))
}
