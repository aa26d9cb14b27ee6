//! `POST /v1/security-groups/{id}/rules`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::security_group::{AuthorizeRules, RuleList};
use cumulet_model::error::parse_id;

use crate::convert::security_group::{authorize_from, rule_to};
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Adds rules. The answer comes when the firewall holds them, for running instances too.
#[utoipa::path(post, path = "/v1/security-groups/{id}/rules", operation_id = "authorize_rules",
    tag = "security groups", params(("id" = String, Path, description = "The group's id")),
    request_body = AuthorizeRules, responses(
        (status = 201, description = "The new rules", body = RuleList),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn authorize(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<AuthorizeRules>,
) -> Result<(StatusCode, Json<RuleList>)> {
    let rules = api.cloud.authorize_rules(authorize_from(parse_id(&id)?, request)?).await?;
    Ok((StatusCode::CREATED, Json(RuleList { rules: rules.into_iter().map(rule_to).collect() })))
}
