//! Network ACLs: numbered allow and deny entries at the border of subnets, packet by packet (VPC guide, "Network ACLs").

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::security::{Direction, PortRange, Traffic};
use crate::{AclAssociationId, CloudError, ErrorCode, NetworkAclId, SubnetId, Tags, VpcId};

/// The greatest number of an entry that somebody makes; above are the ones that deny what no other matches.
pub const MAX_NUMBER: u16 = 32766;
/// The number under which the denial of all IPv4 is shown.
pub const DENY_NUMBER: u16 = 32767;
/// The number under which the denial of all IPv6 is shown.
pub const DENY_NUMBER_IPV6: u16 = 32768;

/// A network ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// Id.
    pub id: NetworkAclId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Whether it is its VPC's default one, which subnets have from the start.
    pub is_default: bool,
    /// Entries by direction and number, without those that deny the rest.
    pub entries: Vec<NumberedEntry>,
    /// The subnets that it guards.
    pub associations: Vec<AclAssociation>,
    /// Tags.
    pub tags: Tags,
}

/// An entry of a network ACL. The one with the lowest number that matches decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberedEntry {
    /// Into the subnet or out of it.
    pub direction: Direction,
    /// Its number, 1 to [`MAX_NUMBER`], once for each direction.
    pub number: u16,
    /// Whether it allows or denies.
    pub allow: bool,
    /// What traffic.
    pub traffic: Traffic,
    /// The other end, without host bits.
    pub cidr: IpNet,
}

/// A subnet's association with its network ACL; a subnet always has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclAssociation {
    /// Id.
    pub id: AclAssociationId,
    /// The subnet.
    pub subnet_id: SubnetId,
}

impl NetworkAcl {
    /// The entries of one direction, by number.
    pub fn entries_of(&self, direction: Direction) -> impl Iterator<Item = &NumberedEntry> {
        self.entries.iter().filter(move |entry| entry.direction == direction)
    }

    /// The entry of that number.
    pub fn entry(&self, direction: Direction, number: u16) -> Option<&NumberedEntry> {
        self.entries_of(direction).find(|entry| entry.number == number)
    }

    /// Whether it lets everything pass: in each direction the first entry of each family allows all. IPv6 is looked at only
    /// where there is any.
    pub fn allows_all(&self, ipv6: bool) -> bool {
        let (all4, all6) = (IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default()));
        let first_allows = |direction, all: IpNet| {
            let of_family =
                |entry: &&NumberedEntry| matches!(entry.cidr, IpNet::V4(_)) == matches!(all, IpNet::V4(_));
            self.entries_of(direction)
                .find(of_family)
                .is_some_and(|entry| entry.allow && entry.traffic == Traffic::All && entry.cidr == all)
        };
        [Direction::Ingress, Direction::Egress]
            .into_iter()
            .all(|direction| first_allows(direction, all4) && (!ipv6 || first_allows(direction, all6)))
    }
}

/// What the API's protocol, ports and ICMP type of an ACL's entry mean together (EC2 API reference,
/// `CreateNetworkAclEntry`): TCP and UDP need ports, ICMP its type and code, where -1 stands for all.
pub fn traffic(
    protocol: &str,
    ports: Option<(i32, i32)>,
    icmp: Option<(i32, i32)>,
) -> Result<Traffic, CloudError> {
    let kind = Traffic::parse(protocol, None, None).map_err(|_| {
        let protocol: String = protocol.chars().take(64).collect();
        CloudError::invalid_value(format!("Invalid value '{protocol}' for IP protocol. Unknown protocol."))
    })?;
    let missing = |what: &str| CloudError::missing(what);
    match kind {
        Traffic::Tcp(_) | Traffic::Udp(_) => {
            let (from, to) = ports.ok_or_else(|| missing("PortRange"))?;
            Traffic::parse(protocol, Some(from), Some(to))
        }
        Traffic::Icmp { .. } | Traffic::Icmpv6 { .. } => {
            let (kind, code) = icmp.ok_or_else(|| missing("Icmp"))?;
            Traffic::parse(protocol, Some(kind), Some(code))
        }
        Traffic::All | Traffic::Protocol(_) => Ok(kind),
    }
}

/// The protocol of an entry as ACLs show it: a number, -1 for all.
pub fn protocol_number(traffic: Traffic) -> i32 {
    match traffic {
        Traffic::All => -1,
        Traffic::Tcp(_) => 6,
        Traffic::Udp(_) => 17,
        Traffic::Icmp { .. } => 1,
        Traffic::Icmpv6 { .. } => 58,
        Traffic::Protocol(number) => number.into(),
    }
}

/// The ports of an entry, if its protocol has any.
pub fn ports(traffic: Traffic) -> Option<PortRange> {
    match traffic {
        Traffic::Tcp(range) | Traffic::Udp(range) => Some(range),
        _ => None,
    }
}

/// ICMP's type and code of an entry, -1 for all.
pub fn icmp(traffic: Traffic) -> Option<(i32, i32)> {
    match traffic {
        Traffic::Icmp { .. } | Traffic::Icmpv6 { .. } => traffic.from_to(),
        _ => None,
    }
}

/// Checks an entry's number.
pub fn check_number(number: u32) -> Result<u16, CloudError> {
    u16::try_from(number).ok().filter(|number| (1..=MAX_NUMBER).contains(number)).ok_or_else(|| {
        CloudError::new(
            ErrorCode::InvalidParameterValue,
            format!("Value ({number}) for parameter RuleNumber is invalid: expected 1 to {MAX_NUMBER}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(entries: &[(Direction, u16, bool, &str)]) -> NetworkAcl {
        NetworkAcl {
            id: "acl-00000000000000001".parse().unwrap(),
            vpc_id: "vpc-00000000000000001".parse().unwrap(),
            is_default: true,
            entries: entries
                .iter()
                .map(|&(direction, number, allow, cidr)| NumberedEntry {
                    direction,
                    number,
                    allow,
                    traffic: Traffic::All,
                    cidr: cidr.parse().unwrap(),
                })
                .collect(),
            associations: vec![],
            tags: Tags::new(),
        }
    }

    #[test]
    fn what_allows_all_is_told_for_each_family() {
        use Direction::{Egress, Ingress};
        let plain = [(Ingress, 100, true, "0.0.0.0/0"), (Egress, 100, true, "0.0.0.0/0")];
        assert!(acl(&plain).allows_all(false) && !acl(&plain).allows_all(true));
        let both = [&plain[..], &[(Ingress, 101, true, "::/0"), (Egress, 101, true, "::/0")]].concat();
        assert!(acl(&both).allows_all(true));
        let denied = [&[(Ingress, 90, false, "10.0.0.0/8")], &plain[..]].concat();
        assert!(!acl(&denied).allows_all(false));
        assert!(!acl(&[]).allows_all(false));
    }

    #[test]
    fn an_entry_needs_what_its_protocol_has() {
        assert_eq!(traffic("6", None, None).unwrap_err().code, ErrorCode::MissingParameter);
        assert_eq!(traffic("icmp", Some((1, 2)), None).unwrap_err().code, ErrorCode::MissingParameter);
        assert_eq!(traffic("-1", Some((1, 2)), None).unwrap(), Traffic::All);
        assert_eq!(
            traffic("6", Some((22, 23)), None).unwrap(),
            Traffic::Tcp(PortRange { first: 22, last: 23 })
        );
        let ping = traffic("1", None, Some((8, -1))).unwrap();
        assert_eq!((protocol_number(ping), icmp(ping)), (1, Some((8, -1))));
        assert!(traffic("frog", None, None).is_err());
        assert!(check_number(0).is_err() && check_number(32767).is_err() && check_number(32766).is_ok());
    }
}
