//! DescribeSecurityGroupRules: rules of all groups, one by one, by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::rule::{KIND, xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let groups = call.cloud.security_groups().await?;
    let all = groups.iter().flat_map(|group| group.rules.clone()).collect();
    let picked = describe(call, &KIND, std::future::ready(Ok(all))).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|rule| xml(rule, &groups, &facts));
    Ok(Xml::new().list("securityGroupRuleSet", items).maybe("nextToken", picked.next_token))
}
