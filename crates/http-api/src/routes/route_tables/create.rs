//! `POST /v1/route-tables`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::route::{CreateRouteTable, RouteTable};
use cumulet_engine::api::vpc;
use cumulet_model::error::parse_id;

use crate::convert::route::table_to;
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes a route table, with the local routes.
#[utoipa::path(post, path = "/v1/route-tables", operation_id = "create_route_table", tag = "network", request_body = CreateRouteTable, responses(
        (status = 201, description = "It is made", body = RouteTable),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateRouteTable>,
) -> Result<(StatusCode, Json<RouteTable>)> {
    let request =
        vpc::CreateRouteTable { vpc_id: parse_id(&request.vpc_id)?, tags: request.tags, client_token: None };
    let made = api.cloud.create_route_table(request).await?;
    Ok((StatusCode::CREATED, Json(table_to(made))))
}
