//! `IpPermission`: EC2's older form of rules, where those for the same traffic stand together with all their peers.
//! Reads it from requests and writes it for answers.

use cumulet_model::security::{Peer, PortRange, Rule, RuleSpec, Traffic};
use cumulet_model::{CloudError, ErrorCode, GroupId};
use ipnet::{Ipv4Net, Ipv6Net};

use crate::call::Facts;
use crate::query::{Params, shorten};
use crate::xml::Xml;

/// A rule that a request names: what it allows and its description.
pub type Asked = (RuleSpec, Option<String>);

/// Finds the id of a security group that a permission names by its name.
pub type ByName<'a> = &'a dyn Fn(&str) -> Result<GroupId, CloudError>;

/// The rules of a request: `IpPermissions.N`, or else the flat form that means a single one.
pub fn read(params: &Params<'_>, by_name: ByName<'_>) -> Result<Vec<Asked>, CloudError> {
    let permissions = params.structures("IpPermissions")?;
    let flat = ["IpProtocol", "CidrIp", "FromPort", "ToPort", "SourceSecurityGroupName"];
    let given: Vec<_> = flat.into_iter().filter(|name| params.has(name)).collect();
    match (permissions.is_empty(), given.first()) {
        (false, Some(name)) => {
            let text = format!("The parameter {name} cannot be used with the parameter IpPermissions");
            Err(CloudError::combination(text))
        }
        (false, None) => {
            let mut rules = Vec::new();
            for permission in permissions {
                rules.extend(read_permission(&permission, by_name)?);
            }
            Ok(rules)
        }
        (true, Some(_)) => read_flat(params, by_name),
        (true, None) => Err(CloudError::missing("IpPermissions")),
    }
}

fn traffic(params: &Params<'_>) -> Result<Traffic, CloudError> {
    let protocol = params.required("IpProtocol")?;
    Traffic::parse(protocol, params.number("FromPort")?, params.number("ToPort")?)
}

fn read_permission(permission: &Params<'_>, by_name: ByName<'_>) -> Result<Vec<Asked>, CloudError> {
    let traffic = traffic(permission)?;
    let mut rules = Vec::new();
    for range in permission.structures("IpRanges")? {
        let peer = Peer::Cidr(cidr(range.required("CidrIp")?)?);
        rules.push((RuleSpec { traffic, peer }, description(&range)));
    }
    for range in permission.structures("Ipv6Ranges")? {
        let peer = Peer::Cidr6(cidr6(range.required("CidrIpv6")?)?);
        rules.push((RuleSpec { traffic, peer }, description(&range)));
    }
    for list in permission.structures("PrefixListIds")? {
        let peer = Peer::PrefixList(list.required_id("PrefixListId")?);
        rules.push((RuleSpec { traffic, peer }, description(&list)));
    }
    for pair in permission.structures("Groups")? {
        pair.refuse(&["VpcPeeringConnectionId"])?;
        // The account and VPC of the group say nothing that its id does not.
        let (_, _) = (pair.text("UserId"), pair.text("VpcId"));
        let id = match (pair.id("GroupId")?, pair.text("GroupName")) {
            (Some(id), _) => id,
            (None, Some(name)) => by_name(name)?,
            (None, None) => return Err(CloudError::missing(&pair.name_of("GroupId"))),
        };
        rules.push((RuleSpec { traffic, peer: Peer::Group(id) }, description(&pair)));
    }
    if rules.is_empty() {
        return Err(CloudError::missing(&permission.name_of("IpRanges")));
    }
    Ok(rules)
}

/// A single rule; but a group by its name alone means all TCP, UDP and ICMP of its members.
fn read_flat(params: &Params<'_>, by_name: ByName<'_>) -> Result<Vec<Asked>, CloudError> {
    let _ = params.text("SourceSecurityGroupOwnerId");
    let peer = match (params.text("CidrIp"), params.text("SourceSecurityGroupName")) {
        (Some(text), None) => Peer::Cidr(cidr(text)?),
        (None, Some(name)) => Peer::Group(by_name(name)?),
        (None, None) => return Err(CloudError::missing("CidrIp")),
        (Some(_), Some(_)) => {
            let text = "The parameter CidrIp cannot be used with the parameter SourceSecurityGroupName";
            return Err(CloudError::combination(text));
        }
    };
    let traffics = match (&peer, params.has("IpProtocol")) {
        (Peer::Group(_), false) => vec![
            Traffic::Tcp(PortRange::ALL),
            Traffic::Udp(PortRange::ALL),
            Traffic::Icmp { icmp_type: None, code: None },
        ],
        _ => vec![traffic(params)?],
    };
    Ok(traffics.into_iter().map(|traffic| (RuleSpec { traffic, peer: peer.clone() }, None)).collect())
}

fn description(params: &Params<'_>) -> Option<String> {
    params.text("Description").map(str::to_owned)
}

/// An address range; bits beyond the prefix are cleared, as EC2 does.
pub fn cidr(text: &str) -> Result<Ipv4Net, CloudError> {
    text.parse::<Ipv4Net>().map(|net| net.trunc()).map_err(|_| {
        let text = format!("CIDR block {} is malformed", shorten(text));
        CloudError::new(ErrorCode::InvalidParameterValue, text)
    })
}

/// The same for IPv6.
pub fn cidr6(text: &str) -> Result<Ipv6Net, CloudError> {
    text.parse::<Ipv6Net>().map(|net| net.trunc()).map_err(|_| {
        let text = format!("CIDR block {} is malformed", shorten(text));
        CloudError::new(ErrorCode::InvalidParameterValue, text)
    })
}

/// What a request named and a group did not have, as `IpPermission` items.
pub fn unknown(asked: &[RuleSpec], facts: &Facts<'_>) -> Vec<Xml> {
    let peers = asked.iter().map(|spec| (spec, None)).collect::<Vec<_>>();
    by_traffic(&peers, facts)
}

/// Rules as `IpPermission` items: those of the same traffic together, in the order of the first of each.
pub fn grouped(rules: &[&Rule], facts: &Facts<'_>) -> Vec<Xml> {
    let specs: Vec<_> = rules.iter().map(|rule| (&rule.spec, rule.description.as_deref())).collect();
    by_traffic(&specs, facts)
}

/// A rule's spec with its description.
type Described<'a> = (&'a RuleSpec, Option<&'a str>);

fn by_traffic(rules: &[Described<'_>], facts: &Facts<'_>) -> Vec<Xml> {
    let mut kinds: Vec<Traffic> = Vec::new();
    for (spec, _) in rules {
        if !kinds.contains(&spec.traffic) {
            kinds.push(spec.traffic);
        }
    }
    let of = |traffic: Traffic| rules.iter().filter(move |(spec, _)| spec.traffic == traffic);
    kinds.into_iter().map(|traffic| item(traffic, of(traffic), facts)).collect()
}

fn item<'a>(traffic: Traffic, rules: impl Iterator<Item = &'a Described<'a>>, facts: &Facts<'_>) -> Xml {
    let (mut groups, mut ranges, mut ranges6, mut lists) = (vec![], vec![], vec![], vec![]);
    for (spec, description) in rules {
        let start = Xml::new().maybe("description", *description);
        match &spec.peer {
            Peer::Cidr(cidr) => ranges.push(start.text("cidrIp", cidr)),
            Peer::Cidr6(cidr) => ranges6.push(start.text("cidrIpv6", cidr)),
            Peer::PrefixList(id) => lists.push(start.text("prefixListId", id)),
            Peer::Group(id) => groups.push(start.text("userId", facts.account).text("groupId", id)),
        }
    }
    let (from, to) = traffic.from_to().unzip();
    Xml::new()
        .text("ipProtocol", traffic.protocol())
        .maybe("fromPort", from)
        .maybe("toPort", to)
        .list("groups", groups)
        .list("ipRanges", ranges)
        .list("ipv6Ranges", ranges6)
        .list("prefixListIds", lists)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Query, decode_pairs};

    fn rules(form: &str) -> Result<Vec<Asked>, CloudError> {
        let by_name = |name: &str| match name {
            "web" => Ok("sg-00000000000000001".parse().unwrap()),
            other => Err(CloudError::not_found(ErrorCode::InvalidGroupNotFound, "security group", other)),
        };
        let query = Query::new(decode_pairs(form.as_bytes()).unwrap()).unwrap();
        read(&query.params(), &by_name)
    }

    #[test]
    fn both_forms_mean_the_same() {
        let flat = rules("IpProtocol=tcp&FromPort=22&ToPort=22&CidrIp=10.1.2.3/8").unwrap();
        let listed = rules(
            "IpPermissions.1.IpProtocol=TCP&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22\
             &IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
        );
        assert_eq!(flat, listed.unwrap());
        let traffic = Traffic::Tcp(PortRange { first: 22, last: 22 });
        assert_eq!(flat[0].0, RuleSpec { traffic, peer: Peer::Cidr("10.0.0.0/8".parse().unwrap()) });
    }

    #[test]
    fn a_permission_with_several_peers_is_several_rules() {
        let all = rules(
            "IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0\
             &IpPermissions.1.IpRanges.1.Description=all&IpPermissions.1.Groups.1.GroupName=web",
        );
        let all = all.unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].1.as_deref(), Some("all"));
        assert!(matches!(&all[1].0.peer, Peer::Group(id) if id.as_str().ends_with('1')));
    }

    #[test]
    fn a_group_by_its_name_alone_means_tcp_udp_and_icmp() {
        let all = rules("SourceSecurityGroupName=web").unwrap();
        let protocols: Vec<_> = all.iter().map(|(spec, _)| spec.traffic.protocol()).collect();
        assert_eq!(protocols, ["tcp", "udp", "icmp"]);
        let one = rules("SourceSecurityGroupName=web&IpProtocol=tcp&FromPort=22&ToPort=22").unwrap();
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn ipv6_ranges_and_prefix_lists_are_peers() {
        let all = rules(
            "IpPermissions.1.IpProtocol=58&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=fd00:1::5/32\
             &IpPermissions.1.PrefixListIds.1.PrefixListId=pl-00000000000000001",
        );
        let all = all.unwrap();
        assert_eq!(all[0].0.peer, Peer::Cidr6("fd00:1::/32".parse().unwrap()));
        assert!(matches!(&all[1].0.peer, Peer::PrefixList(_)));
        assert_eq!(all[0].0.traffic.protocol(), "icmpv6");
    }

    #[test]
    fn what_is_not_there_or_not_supported_is_named() {
        let message = |form: &str| rules(form).unwrap_err().message;
        assert!(message("").contains("IpPermissions"));
        assert!(message("CidrIp=10.0.0.0/8").contains("IpProtocol"));
        assert!(message("IpProtocol=-1&CidrIp=10.0.0.0/8/").contains("10.0.0.0/8/ is malformed"));
        assert!(message("IpProtocol=-1&SourceSecurityGroupName=none").contains("'none'"));
        assert!(
            message("IpPermissions.1.IpProtocol=-1&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::1/x")
                .contains("::1/x")
        );
        assert!(message("IpPermissions.1.IpProtocol=-1").contains("IpPermissions.1.IpRanges"));
        let v6 = "IpPermissions.1.IpProtocol=-1&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0";
        assert!(message(&format!("{v6}&CidrIp=1.1.1.1/32")).contains("cannot be used"));
    }
}
