//! `POST /v1/subnets`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::{CreateSubnet, Subnet};
use cumulet_engine::api::vpc::{self, SubnetChange};
use cumulet_model::CloudError;
use cumulet_model::error::parse_id;

use crate::convert::network::{ipv4_block, subnet_to};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes a subnet.
#[utoipa::path(post, path = "/v1/subnets", operation_id = "create_subnet", tag = "network", request_body = CreateSubnet, responses(
        (status = 201, description = "It is made", body = Subnet),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateSubnet>,
) -> Result<(StatusCode, Json<Subnet>)> {
    let ipv6_cidr = request.ipv6_cidr.as_deref().map(|text| {
        text.parse().map_err(|_| CloudError::invalid_value("ipv6_cidr must be a block of IPv6 addresses"))
    });
    let wanted = vpc::CreateSubnet {
        vpc_id: parse_id(&request.vpc_id)?,
        cidr: ipv4_block("cidr", &request.cidr)?,
        ipv6_cidr: ipv6_cidr.transpose()?,
        zone: request.zone,
        tags: request.tags,
    };
    let mut made = api.cloud.create_subnet(wanted).await?;
    if request.map_public_ip_on_launch {
        api.cloud.modify_subnet(&made.id, SubnetChange::MapPublicIp(true)).await?;
        made.map_public_ip_on_launch = true;
    }
    Ok((StatusCode::CREATED, Json(subnet_to(made))))
}
