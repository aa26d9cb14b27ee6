//! CreateDhcpOptions: a DHCP options set.

use cumulet_engine::api::vpc::CreateDhcpOptions;
use cumulet_model::dhcp::DhcpOptions;

use crate::call::{Answer, Call};
use crate::resources::dhcp_options;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let mut pairs = Vec::new();
    for configuration in params.structures("DhcpConfiguration")? {
        pairs.push((configuration.required("Key")?, configuration.texts("Value")?));
    }
    let request =
        CreateDhcpOptions { options: DhcpOptions::from_pairs(pairs)?, tags: tags_for(&params, "dhcp-options")? };
    call.check_dry_run()?;
    let made = call.cloud.create_dhcp_options(request).await?;
    Ok(Xml::new().node("dhcpOptions", dhcp_options::xml(&made, &call.facts())))
}
