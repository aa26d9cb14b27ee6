//! `POST /v1/internet-gateways`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::gateway::{CreateInternetGateway, InternetGateway};
use cumulet_model::error::parse_id;

use crate::convert::route::gateway_to;
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes an internet gateway and attaches it to a VPC; one that can't be attached is not kept.
#[utoipa::path(post, path = "/v1/internet-gateways", operation_id = "create_internet_gateway", tag = "network", request_body = CreateInternetGateway, responses(
        (status = 201, description = "It is made", body = InternetGateway),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateInternetGateway>,
) -> Result<(StatusCode, Json<InternetGateway>)> {
    let vpc = parse_id(&request.vpc_id)?;
    let made = api.cloud.create_internet_gateway(request.tags).await?;
    if let Err(refusal) = api.cloud.attach_internet_gateway(&made.id, &vpc).await {
        api.cloud.delete_internet_gateway(&made.id).await?;
        return Err(refusal.into());
    }
    Ok((StatusCode::CREATED, Json(gateway_to(api.cloud.internet_gateway(&made.id).await?))))
}
