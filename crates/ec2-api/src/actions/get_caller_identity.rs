//! STS's GetCallerIdentity: who signed the request. There is one user, the account's root.

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let account = call.cloud.account_id();
    let result = Xml::new()
        .text("Arn", format!("arn:aws:iam::{account}:root"))
        .text("UserId", account)
        .text("Account", account);
    Ok(Xml::new().node("GetCallerIdentityResult", result))
}
