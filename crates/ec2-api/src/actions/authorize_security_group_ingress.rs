//! AuthorizeSecurityGroupIngress: adds rules for what may come in.

use cumulet_model::security::Direction;

use super::shared::rules::authorize;
use crate::call::{Answer, Call};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    authorize(call, Direction::Ingress).await
}
