//! ModifySubnetAttribute: one attribute at a time.

use cumulet_engine::api::vpc::SubnetChange;
use cumulet_model::{CloudError, SubnetId};

use crate::call::{Answer, Call, done};
use crate::query::Params;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: SubnetId = params.required_id("SubnetId")?;
    let mut changes = Vec::new();
    changes.extend(flag(&params, "MapPublicIpOnLaunch")?.map(|on| Some(SubnetChange::MapPublicIp(on))));
    changes.extend(flag(&params, "AssignIpv6AddressOnCreation")?.map(|on| Some(SubnetChange::AssignIpv6(on))));
    changes.extend(as_it_is(&params)?);
    let [change] = changes.as_slice() else {
        return Err(match changes.len() {
            0 => CloudError::missing("MapPublicIpOnLaunch"),
            _ => CloudError::combination("Only one attribute can be modified at a time"),
        });
    };
    call.check_dry_run()?;
    match change {
        Some(change) => call.cloud.modify_subnet(&id, *change).await?,
        None => drop(call.cloud.subnet(&id).await?),
    }
    Ok(done())
}

fn flag(params: &Params<'_>, name: &str) -> Result<Option<bool>, CloudError> {
    params.structure(name).flag("Value")
}

/// Attributes that are what they are here: asking for just that is no change, and for anything else is refused.
fn as_it_is(params: &Params<'_>) -> Result<Vec<Option<SubnetChange>>, CloudError> {
    let mut asked = Vec::new();
    params.refuse(&["CustomerOwnedIpv4Pool", "EnableLniAtDeviceIndex"])?;
    for name in [
        "MapCustomerOwnedIpOnLaunch",
        "EnableDns64",
        "EnableResourceNameDnsARecordOnLaunch",
        "EnableResourceNameDnsAAAARecordOnLaunch",
    ] {
        match flag(params, name)? {
            Some(true) => return Err(params.unsupported(name, "is not supported by this cloud")),
            Some(false) => asked.push(None),
            None => {}
        }
    }
    if flag(params, "DisableLniAtDeviceIndex")?.is_some() {
        asked.push(None);
    }
    asked.extend(params.word("PrivateDnsHostnameTypeOnLaunch", &[("ip-name", None)])?);
    Ok(asked)
}
