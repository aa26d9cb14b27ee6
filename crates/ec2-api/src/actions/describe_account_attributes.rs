//! DescribeAccountAttributes: facts of the account that old tools ask for.

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let wanted = call.params().texts("AttributeName")?;
    call.check_dry_run()?;
    let vpcs = call.cloud.vpcs().await?;
    let default = vpcs.iter().find(|vpc| vpc.is_default);
    let default = default.map_or_else(|| "none".to_owned(), |vpc| vpc.id.to_string());
    let all = [("supported-platforms", "VPC".to_owned()), ("default-vpc", default)];
    let items = all.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let items = items.map(|(name, value)| {
        let values = [Xml::new().text("attributeValue", value)];
        Xml::new().text("attributeName", name).list("attributeValueSet", values)
    });
    Ok(Xml::new().list("accountAttributeSet", items))
}
