//! `POST /v1/security-groups`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::security_group::{CreateSecurityGroup, SecurityGroup};

use crate::convert::security_group::{create_from, group_to};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes a security group, which lets nothing in and everything out.
#[utoipa::path(post, path = "/v1/security-groups", operation_id = "create_security_group",
    tag = "security groups", request_body = CreateSecurityGroup, responses(
        (status = 201, description = "It is made", body = SecurityGroup),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateSecurityGroup>,
) -> Result<(StatusCode, Json<SecurityGroup>)> {
    let group = api.cloud.create_security_group(create_from(request)?).await?;
    Ok((StatusCode::CREATED, Json(group_to(group))))
}
