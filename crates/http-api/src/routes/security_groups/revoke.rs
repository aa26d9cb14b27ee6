//! `POST /v1/security-groups/{id}/rules/revoke`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::security_group::{RevokeRules, RuleList};
use cumulet_model::error::parse_id;

use crate::convert::security_group::{revoke_from, rule_to};
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Removes rules, by what they allow or by id. The answer comes when the firewall has let them go.
#[utoipa::path(post, path = "/v1/security-groups/{id}/rules/revoke", operation_id = "revoke_rules",
    tag = "security groups", params(("id" = String, Path, description = "The group's id")),
    request_body = RevokeRules, responses(
        (status = 200, description = "The rules that are gone", body = RuleList),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<RevokeRules>,
) -> Result<Json<RuleList>> {
    let rules = api.cloud.revoke_rules(revoke_from(parse_id(&id)?, request)?).await?;
    Ok(Json(RuleList { rules: rules.into_iter().map(rule_to).collect() }))
}
