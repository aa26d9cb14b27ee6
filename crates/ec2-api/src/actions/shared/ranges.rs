//! Ranges of addresses in requests.

use std::str::FromStr;

use cumulet_model::CloudError;

use crate::query::Params;

/// What of EC2's ways to come by a range this cloud does not have: pools of one's own and address managers.
pub const OTHER_POOLS: [&str; 6] = [
    "Ipv4IpamPoolId",
    "Ipv4NetmaskLength",
    "Ipv6IpamPoolId",
    "Ipv6NetmaskLength",
    "Ipv6Pool",
    "Ipv6CidrBlockNetworkBorderGroup",
];

/// A range of one address family.
pub fn cidr<N: FromStr>(params: &Params<'_>, name: &str) -> Result<Option<N>, CloudError> {
    params.parsed(name, "This is not a valid CIDR block.")
}

/// A range that must be given.
pub fn required_cidr<N: FromStr>(params: &Params<'_>, name: &str) -> Result<N, CloudError> {
    params.required(name)?;
    cidr(params, name)?.ok_or_else(|| CloudError::missing(name))
}
