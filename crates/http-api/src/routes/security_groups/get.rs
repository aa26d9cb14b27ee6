//! `GET /v1/security-groups/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::security_group::SecurityGroup;
use cumulet_model::error::parse_id;
use cumulet_model::{ErrorCode, GroupId};

use crate::convert::security_group::group_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;
use crate::routes::find;

/// One security group with its rules.
#[utoipa::path(get, path = "/v1/security-groups/{id}", operation_id = "get_security_group",
    tag = "security groups", params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "It", body = SecurityGroup),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(State(api): State<Api>, Segment(id): Segment<String>) -> Result<Json<SecurityGroup>> {
    let id: GroupId = parse_id(&id)?;
    let groups = api.cloud.security_groups().await?;
    let group = find(groups, |group| group.id == id, ErrorCode::InvalidGroupNotFound, "security group", &id)?;
    Ok(Json(group_to(group)))
}
