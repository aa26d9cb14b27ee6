//! AssociateDhcpOptions: lets a VPC use a DHCP options set, or none.

use cumulet_model::error::parse_id;
use cumulet_model::{DhcpOptionsId, VpcId};

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let vpc: VpcId = params.required_id("VpcId")?;
    let options: Option<DhcpOptionsId> = match params.required("DhcpOptionsId")? {
        "default" => None,
        id => Some(parse_id(id)?),
    };
    if let Some(id) = &options {
        call.cloud.one_dhcp_options(id).await?;
    }
    call.check_dry_run()?;
    call.cloud.associate_dhcp_options(&vpc, options).await?;
    Ok(done())
}
