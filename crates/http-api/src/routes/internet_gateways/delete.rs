//! `DELETE /v1/internet-gateways/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_model::InternetGatewayId;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Detaches an internet gateway, which nothing may use any more, and deletes it.
#[utoipa::path(delete, path = "/v1/internet-gateways/{id}", operation_id = "delete_internet_gateway", tag = "network", params(("id" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn delete(State(api): State<Api>, Segment(id): Segment<String>) -> Result<StatusCode> {
    let id: InternetGatewayId = parse_id(&id)?;
    if let Some(vpc) = api.cloud.internet_gateway(&id).await?.vpc_id {
        api.cloud.detach_internet_gateway(&id, &vpc).await?;
    }
    api.cloud.delete_internet_gateway(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
