//! Private addresses in requests.

use std::net::Ipv4Addr;

use cumulet_model::CloudError;

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
