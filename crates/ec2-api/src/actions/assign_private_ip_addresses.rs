//! AssignPrivateIpAddresses: secondary private addresses for an interface, chosen or so many.

use cumulet_engine::api::interface::{AssignPrivateAddresses, WantedAddresses};
use cumulet_model::CloudError;

use super::shared::addresses::private_ips;
use crate::call::{Answer, Call};
use crate::query::Params;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["Ipv4Prefix", "Ipv4PrefixCount"])?;
    let request = AssignPrivateAddresses {
        interface_id: params.required_id("NetworkInterfaceId")?,
        wanted: wanted(&params)?,
        reassign: params.flag("AllowReassignment")?.unwrap_or(false),
    };
    call.check_dry_run()?;
    let id = request.interface_id.clone();
    let addresses = call.cloud.assign_private_addresses(request).await?;
    let items = addresses.into_iter().map(|address| Xml::new().text("privateIpAddress", address));
    Ok(Xml::new().text("networkInterfaceId", id).list("assignedPrivateIpAddressesSet", items))
}

fn wanted(params: &Params<'_>) -> Result<WantedAddresses, CloudError> {
    let count = params.number::<u32>("SecondaryPrivateIpAddressCount")?;
    match (private_ips(params)?, count) {
        (list, None) if !list.is_empty() => Ok(WantedAddresses::These(list)),
        (list, Some(1..)) if !list.is_empty() => Err(CloudError::combination(
            "The parameter SecondaryPrivateIpAddressCount cannot be used with the parameter PrivateIpAddress",
        )),
        (_, Some(0)) => Err(params.invalid("SecondaryPrivateIpAddressCount", "0", "expected at least 1")),
        (_, Some(count)) => Ok(WantedAddresses::Count(count)),
        (_, None) => Err(CloudError::missing("PrivateIpAddress or SecondaryPrivateIpAddressCount")),
    }
}
