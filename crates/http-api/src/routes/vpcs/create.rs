//! `POST /v1/vpcs`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::{CreateVpc, Vpc};
use cumulet_engine::api::vpc;

use crate::convert::network::{ipv4_block, vpc_to};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes a VPC, with its main route table, default security group and default network ACL.
#[utoipa::path(post, path = "/v1/vpcs", operation_id = "create_vpc", tag = "network", request_body = CreateVpc, responses(
        (status = 201, description = "It is made", body = Vpc),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateVpc>,
) -> Result<(StatusCode, Json<Vpc>)> {
    let cidr = ipv4_block("cidr", &request.cidr)?;
    let request = vpc::CreateVpc { cidr, ipv6: request.ipv6, tags: request.tags };
    let made = api.cloud.create_vpc(request).await?;
    Ok((StatusCode::CREATED, Json(vpc_to(made))))
}
