//! RevokeSecurityGroupEgress: removes rules for what may go out.

use cumulet_model::security::Direction;

use super::shared::rules::revoke;
use crate::call::{Answer, Call};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    revoke(call, Direction::Egress).await
}
