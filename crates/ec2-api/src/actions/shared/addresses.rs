//! Addresses in requests.

use std::net::Ipv4Addr;

use cumulet_engine::api::address::AddressName;
use cumulet_model::CloudError;

use crate::call::Call;
use crate::query::Params;

/// What a private address looks like.
pub const ADDRESS: &str = "expected an IPv4 address";

/// The primary private address of an interface: by itself, or as the only one of the list.
pub fn private_ip(interface: &Params<'_>) -> Result<Option<Ipv4Addr>, CloudError> {
    let single = interface.parsed("PrivateIpAddress", ADDRESS)?;
    let list = interface.structures("PrivateIpAddresses")?;
    match (single, list.as_slice()) {
        (single, []) => Ok(single),
        (None, [one]) => {
            if one.flag("Primary")? == Some(false) {
                return Err(one.invalid("Primary", "false", "one of the addresses must be the primary one"));
            }
            one.parsed("PrivateIpAddress", ADDRESS)
        }
        (Some(_), [_]) => Err(CloudError::combination(
            "The parameter PrivateIpAddress cannot be used with the parameter PrivateIpAddresses",
        )),
        _ => {
            Err(interface
                .unsupported("PrivateIpAddresses", "can have one address: more are not supported yet"))
        }
    }
}

/// The addresses of `PrivateIpAddress.N`.
pub fn private_ips(params: &Params<'_>) -> Result<Vec<Ipv4Addr>, CloudError> {
    let name = "PrivateIpAddress";
    let texts = params.texts(name)?.into_iter();
    texts.map(|text| text.parse().map_err(|_| params.invalid(name, text, ADDRESS))).collect()
}

/// The elastic address that `AllocationId` or `PublicIp` names.
pub fn address_name(params: &Params<'_>) -> Result<AddressName, CloudError> {
    match (params.id("AllocationId")?, params.parsed("PublicIp", ADDRESS)?) {
        (Some(id), None) => Ok(AddressName::Allocation(id)),
        (None, Some(ip)) => Ok(AddressName::Public(ip)),
        (None, None) => Err(CloudError::missing("AllocationId")),
        (Some(_), Some(_)) => {
            let text = "The parameter AllocationId cannot be used with the parameter PublicIp";
            Err(CloudError::combination(text))
        }
    }
}

/// Refuses a `NetworkBorderGroup` that is not the region.
pub fn check_border_group(call: &Call) -> Result<(), CloudError> {
    let (params, region) = (call.params(), &call.facts().region.name);
    match params.text("NetworkBorderGroup").filter(|text| text != region) {
        None => Ok(()),
        Some(text) => {
            Err(params.invalid("NetworkBorderGroup", text, &format!("this cloud has {region} alone")))
        }
    }
}
