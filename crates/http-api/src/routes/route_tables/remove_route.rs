//! `DELETE /v1/route-tables/{id}/routes`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::route::DeleteRouteQuery;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::{Search, Segment};
use crate::router::Api;

/// Removes a route from a table.
#[utoipa::path(delete, path = "/v1/route-tables/{id}/routes", operation_id = "delete_route", tag = "network",
    params(("id" = String, Path, description = "Its id"), DeleteRouteQuery), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Search(query): Search<DeleteRouteQuery>,
) -> Result<StatusCode> {
    api.cloud.delete_route(&parse_id(&id)?, &query.destination.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
