//! Security groups: stateful sets of allow rules around network interfaces (VPC guide, "Security group rules").

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::error::{CloudError, ErrorCode};
use crate::{GroupId, PrefixListId, RuleId, Tags, VpcId};

/// Which way a rule looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the interface.
    Ingress,
    /// Out of the interface.
    Egress,
}

/// What traffic a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// Everything (`-1`).
    All,
    /// TCP to a range of destination ports.
    Tcp(PortRange),
    /// UDP to a range of destination ports.
    Udp(PortRange),
    /// ICMP; no type means all types, no code all codes of the type.
    Icmp {
        /// Type, 0 to 255.
        icmp_type: Option<u8>,
        /// Code, 0 to 255.
        code: Option<u8>,
    },
    /// ICMP of IPv6; no type means all types, no code all codes of the type.
    Icmpv6 {
        /// Type, 0 to 255.
        icmp_type: Option<u8>,
        /// Code, 0 to 255.
        code: Option<u8>,
    },
    /// Any other IP protocol by its number, all of it.
    Protocol(u8),
}

/// Ports from `first` to `last`, both included; `first <= last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortRange {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// Whether `port` is in it.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

/// The other end of a rule's traffic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// A range of addresses.
    Cidr(Ipv4Net),
    /// A range of IPv6 addresses.
    Cidr6(Ipv6Net),
    /// The prefixes of a list.
    PrefixList(PrefixListId),
    /// The members of a group of the same VPC, by their private addresses.
    Group(GroupId),
}

/// What a rule allows; two rules of a group in one direction never have equal specs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleSpec {
    /// What traffic.
    pub traffic: Traffic,
    /// From or to whom.
    pub peer: Peer,
}

/// A rule of a security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Id.
    pub id: RuleId,
    /// The group that it belongs to.
    pub group_id: GroupId,
    /// Which way it looks.
    pub direction: Direction,
    /// What it allows.
    pub spec: RuleSpec,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// A security group with its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Id.
    pub id: GroupId,
    /// The VPC that it belongs to.
    pub vpc_id: VpcId,
    /// Name, unique in its VPC.
    pub name: String,
    /// Free text, fixed at creation.
    pub description: String,
    /// Rules in the order of their making.
    pub rules: Vec<Rule>,
    /// Tags.
    pub tags: Tags,
}

impl SecurityGroup {
    /// Name of the group that each VPC has from the start and that can't be deleted.
    pub const DEFAULT_NAME: &'static str = "default";

    /// The rules of one direction.
    pub fn rules_of(&self, direction: Direction) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.direction == direction)
    }
}

impl Traffic {
    /// What the API's `IpProtocol`, `FromPort` and `ToPort` mean together: protocol by name or number, ports for TCP
    /// and UDP, type and code for ICMP, where -1 stands for all (EC2 API reference, `IpPermission`).
    pub fn parse(protocol: &str, from: Option<i32>, to: Option<i32>) -> Result<Self, CloudError> {
        let protocol = protocol.to_ascii_lowercase();
        match protocol.as_str() {
            "-1" | "all" => Ok(Self::All),
            "tcp" | "6" => Ok(Self::Tcp(ports(from, to)?)),
            "udp" | "17" => Ok(Self::Udp(ports(from, to)?)),
            "icmp" | "1" => icmp(from, to).map(|(icmp_type, code)| Self::Icmp { icmp_type, code }),
            "icmpv6" | "58" => icmp(from, to).map(|(icmp_type, code)| Self::Icmpv6 { icmp_type, code }),
            number => match number.parse::<u8>() {
                Ok(number) => Ok(Self::Protocol(number)),
                Err(_) => Err(CloudError::new(
                    ErrorCode::InvalidPermissionMalformed,
                    format!(
                        "Unsupported IP protocol \"{number}\" - supported: [tcp, udp, icmp, icmpv6, -1 or 0 to 255]"
                    ),
                )),
            },
        }
    }

    /// The API's `IpProtocol` of this traffic.
    pub fn protocol(self) -> String {
        match self {
            Self::All => "-1".into(),
            Self::Tcp(_) => "tcp".into(),
            Self::Udp(_) => "udp".into(),
            Self::Icmp { .. } => "icmp".into(),
            Self::Icmpv6 { .. } => "icmpv6".into(),
            Self::Protocol(number) => number.to_string(),
        }
    }

    /// The API's `FromPort` and `ToPort`, which are absent for all traffic and for protocols without ports.
    pub fn from_to(self) -> Option<(i32, i32)> {
        match self {
            Self::Tcp(range) | Self::Udp(range) => Some((range.first.into(), range.last.into())),
            Self::Icmp { icmp_type, code } | Self::Icmpv6 { icmp_type, code } => {
                Some((icmp_type.map_or(-1, i32::from), code.map_or(-1, i32::from)))
            }
            Self::All | Self::Protocol(_) => None,
        }
    }
}

fn bad_ports(text: String) -> CloudError {
    CloudError::invalid_value(text)
}

fn ports(from: Option<i32>, to: Option<i32>) -> Result<PortRange, CloudError> {
    let (from, to) = match (from, to) {
        (None | Some(-1), None | Some(-1)) => return Ok(PortRange::ALL),
        (Some(from), Some(to)) => (from, to),
        _ => return Err(bad_ports("TCP and UDP rules need both FromPort and ToPort".into())),
    };
    let port = |name: &str, value: i32| {
        u16::try_from(value).map_err(|_| {
            bad_ports(format!("Invalid value '{value}' for {name}. Must be between 0 and 65535"))
        })
    };
    let (first, last) = (port("FromPort", from)?, port("ToPort", to)?);
    if first > last {
        return Err(bad_ports(format!("Invalid port range: FromPort {first} is above ToPort {last}")));
    }
    Ok(PortRange { first, last })
}

/// Type and code.
fn icmp(from: Option<i32>, to: Option<i32>) -> Result<(Option<u8>, Option<u8>), CloudError> {
    let byte = |name: &str, value: Option<i32>| match value {
        None | Some(-1) => Ok(None),
        Some(value) => u8::try_from(value).map(Some).map_err(|_| {
            bad_ports(format!("Invalid value '{value}' for ICMP {name}. Must be -1 or 0 to 255"))
        }),
    };
    let (icmp_type, code) = (byte("type (FromPort)", from)?, byte("code (ToPort)", to)?);
    if icmp_type.is_none() && code.is_some() {
        return Err(bad_ports("an ICMP code (ToPort) needs a type (FromPort)".into()));
    }
    Ok((icmp_type, code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ports_that_make_no_range_are_refused_with_their_field() {
        assert!(Traffic::parse("tcp", Some(80), Some(22)).unwrap_err().message.contains("above"));
        assert!(Traffic::parse("tcp", Some(70000), Some(70001)).unwrap_err().message.contains("FromPort"));
        assert!(Traffic::parse("udp", Some(1), None).is_err());
        assert!(Traffic::parse("bogus", None, None).unwrap_err().message.contains("bogus"));
        assert!(Traffic::parse("icmp", Some(-1), Some(3)).is_err());
    }

    proptest! {
        #[test]
        fn what_the_api_shows_parses_to_the_same_traffic(first: u16, last: u16, number: u8, code: Option<u8>) {
            let range = PortRange { first: first.min(last), last: first.max(last) };
            for traffic in [
                Traffic::All, Traffic::Tcp(range), Traffic::Udp(range),
                Traffic::Icmp { icmp_type: Some(number), code }, Traffic::Icmp { icmp_type: None, code: None },
                Traffic::Icmpv6 { icmp_type: Some(number), code }, Traffic::Icmpv6 { icmp_type: None, code: None },
                Traffic::Protocol(number.clamp(59, 255)),
            ] {
                let (from, to) = traffic.from_to().unzip();
                prop_assert_eq!(Traffic::parse(&traffic.protocol(), from, to).unwrap(), traffic);
            }
        }
    }
}
