//! `GET /v1/security-groups`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::security_group::SecurityGroupList;

use crate::convert::security_group::group_to;
use crate::error::Result;
use crate::router::Api;

/// All security groups with their rules.
#[utoipa::path(get, path = "/v1/security-groups", operation_id = "list_security_groups", tag = "security groups",
    responses(
        (status = 200, description = "They", body = SecurityGroupList),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<SecurityGroupList>> {
    let security_groups = api.cloud.security_groups().await?.into_iter().map(group_to).collect();
    Ok(Json(SecurityGroupList { security_groups }))
}
