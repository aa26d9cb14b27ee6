//! `GET /v1/route-tables`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::route::RouteTableList;

use crate::convert::route::table_to;
use crate::error::Result;
use crate::router::Api;

/// All route tables, with their local routes.
#[utoipa::path(get, path = "/v1/route-tables", operation_id = "list_route_tables", tag = "network", responses(
        (status = 200, description = "They", body = RouteTableList),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<RouteTableList>> {
    let route_tables = api.cloud.route_tables().await?.into_iter().map(table_to).collect();
    Ok(Json(RouteTableList { route_tables }))
}
