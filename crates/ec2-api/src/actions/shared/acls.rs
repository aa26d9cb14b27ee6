//! Entries of network ACLs in requests.

use cumulet_model::CloudError;
use cumulet_model::acl::{NumberedEntry, check_number, traffic};
use cumulet_model::security::Direction;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::query::Params;

/// The entry of CreateNetworkAclEntry and ReplaceNetworkAclEntry.
pub fn entry(params: &Params<'_>) -> Result<NumberedEntry, CloudError> {
    let (direction, number) = place(params)?;
    let allow = params.word("RuleAction", &[("allow", true), ("deny", false)])?;
    let allow = allow.ok_or_else(|| CloudError::missing("RuleAction"))?;
    let ports = pair(&params.structure("PortRange"), "From", "To")?;
    let icmp = pair(&params.structure("Icmp"), "Type", "Code")?;
    let traffic = traffic(params.required("Protocol")?, ports, icmp)?;
    Ok(NumberedEntry { direction, number, allow, traffic, cidr: cidr(params)? })
}

/// Which entry is meant.
pub fn place(params: &Params<'_>) -> Result<(Direction, u16), CloudError> {
    let egress = params.flag("Egress")?.ok_or_else(|| CloudError::missing("Egress"))?;
    let number = params.number("RuleNumber")?.ok_or_else(|| CloudError::missing("RuleNumber"))?;
    let direction = if egress { Direction::Egress } else { Direction::Ingress };
    Ok((direction, check_number(number)?))
}

fn pair(params: &Params<'_>, first: &str, second: &str) -> Result<Option<(i32, i32)>, CloudError> {
    match (params.number(first)?, params.number(second)?) {
        (None, None) => Ok(None),
        (Some(first), Some(second)) => Ok(Some((first, second))),
        (Some(_), None) => Err(CloudError::missing(&params.name_of(second))),
        (None, Some(_)) => Err(CloudError::missing(&params.name_of(first))),
    }
}

/// The range, whose bits beyond the prefix are cleared, as EC2 does.
fn cidr(params: &Params<'_>) -> Result<IpNet, CloudError> {
    let rule = "expected a CIDR block";
    let ipv4 = params.parsed::<Ipv4Net>("CidrBlock", rule)?.map(|net| IpNet::V4(net.trunc()));
    let ipv6 = params.parsed::<Ipv6Net>("Ipv6CidrBlock", rule)?.map(|net| IpNet::V6(net.trunc()));
    match (ipv4, ipv6) {
        (Some(cidr), None) | (None, Some(cidr)) => Ok(cidr),
        (None, None) => Err(CloudError::missing("CidrBlock")),
        (Some(_), Some(_)) => {
            let text = "The parameter CidrBlock cannot be used with the parameter Ipv6CidrBlock";
            Err(CloudError::combination(text))
        }
    }
}
