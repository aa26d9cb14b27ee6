//! DescribeAddresses: elastic addresses, by allocation id or by themselves.

use crate::call::{Answer, Call};
use crate::describe::{describe, select};
use crate::resources::address::{BY_PUBLIC_IP, KIND, xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let named = call.params().texts("PublicIp")?;
    let all = async {
        let all = call.cloud.addresses().await?;
        if named.is_empty() { Ok(all) } else { select(&BY_PUBLIC_IP, &named, all) }
    };
    let picked = describe(call, &KIND, all).await?;
    Ok(Xml::new().list("addressesSet", picked.items.iter().map(|address| xml(address, &call.facts()))))
}
