//! UpdateSecurityGroupRuleDescriptionsEgress: replaces the descriptions of rules.

use cumulet_model::security::Direction;

use super::shared::rules::describe;
use crate::call::{Answer, Call};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    describe(call, Direction::Egress).await
}
