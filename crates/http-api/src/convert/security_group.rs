//! Security groups and rules on the wire.

use std::net::Ipv4Addr;

use cumulet_api_types::security_group as wire;
use cumulet_engine::api::security::{AuthorizeRules, CreateSecurityGroup, RevokeRules, Revoked};
use cumulet_model::error::parse_id;
use cumulet_model::security::{Direction, Peer, Rule, RuleSpec, SecurityGroup, Traffic};
use cumulet_model::{CloudError, GroupId, Tags};
use ipnet::Ipv4Net;

use super::optional_id;

/// The most rules in one request; EC2's default limit of rules in a group is 60.
const RULES_AT_A_TIME: usize = 1000;

pub(crate) fn group_to(group: SecurityGroup) -> wire::SecurityGroup {
    wire::SecurityGroup {
        id: group.id.into(),
        vpc_id: group.vpc_id.into(),
        name: group.name,
        description: group.description,
        rules: group.rules.into_iter().map(rule_to).collect(),
        tags: group.tags,
    }
}

pub(crate) fn rule_to(rule: Rule) -> wire::Rule {
    let (from_port, to_port) = rule.spec.traffic.from_to().unzip();
    let (cidr, group_id) = match rule.spec.peer {
        Peer::Cidr(net) => (Some(net.to_string()), None),
        Peer::Cidr6(net) => (Some(net.to_string()), None),
        Peer::PrefixList(id) => (Some(id.into()), None),
        Peer::Group(id) => (None, Some(id.into())),
    };
    let protocol = match rule.spec.traffic {
        Traffic::All => "all".to_owned(),
        other => other.protocol(),
    };
    wire::Rule {
        id: rule.id.into(),
        group_id: rule.group_id.into(),
        direction: match rule.direction {
            Direction::Ingress => wire::Direction::Ingress,
            Direction::Egress => wire::Direction::Egress,
        },
        spec: wire::RuleSpec { protocol, from_port, to_port, cidr, group_id, description: rule.description },
    }
}

pub(crate) fn create_from(request: wire::CreateSecurityGroup) -> Result<CreateSecurityGroup, CloudError> {
    Ok(CreateSecurityGroup {
        vpc_id: optional_id(request.vpc_id.as_deref())?,
        description: request.description.unwrap_or_else(|| request.name.clone()),
        name: request.name,
        tags: request.tags,
    })
}

pub(crate) fn authorize_from(
    id: GroupId,
    request: wire::AuthorizeRules,
) -> Result<AuthorizeRules, CloudError> {
    if request.rules.is_empty() {
        return Err(CloudError::missing("rules"));
    }
    Ok(AuthorizeRules {
        group_id: id,
        direction: direction_from(request.direction),
        rules: bounded(request.rules)?
            .into_iter()
            .map(|rule| spec_from(&rule).map(|spec| (spec, rule.description)))
            .collect::<Result<_, _>>()?,
        tags: Tags::new(),
    })
}

pub(crate) fn revoke_from(id: GroupId, request: wire::RevokeRules) -> Result<RevokeRules, CloudError> {
    let which = match (request.rules.is_empty(), request.rule_ids.is_empty()) {
        (true, true) => return Err(CloudError::missing("rules or rule_ids")),
        (false, false) => return Err(CloudError::combination("rules and rule_ids can't stand together")),
        (false, true) => {
            Revoked::Specs(bounded(request.rules)?.iter().map(spec_from).collect::<Result<_, _>>()?)
        }
        (true, false) => {
            Revoked::Ids(bounded(request.rule_ids)?.iter().map(|id| parse_id(id)).collect::<Result<_, _>>()?)
        }
    };
    Ok(RevokeRules { group_id: id, direction: direction_from(request.direction), which })
}

fn bounded<T>(list: Vec<T>) -> Result<Vec<T>, CloudError> {
    if list.len() > RULES_AT_A_TIME {
        return Err(CloudError::invalid_value(format!("at most {RULES_AT_A_TIME} rules at a time")));
    }
    Ok(list)
}

fn direction_from(direction: wire::Direction) -> Direction {
    match direction {
        wire::Direction::Ingress => Direction::Ingress,
        wire::Direction::Egress => Direction::Egress,
    }
}

fn spec_from(rule: &wire::RuleSpec) -> Result<RuleSpec, CloudError> {
    let peer = match (&rule.cidr, &rule.group_id) {
        (Some(cidr), None) => Peer::Cidr(cidr_from(cidr)?),
        (None, Some(id)) => Peer::Group(parse_id(id)?),
        (None, None) => return Err(CloudError::missing("cidr or group_id")),
        (Some(_), Some(_)) => {
            return Err(CloudError::combination("a rule has a cidr or a group_id, not both"));
        }
    };
    Ok(RuleSpec { traffic: Traffic::parse(&rule.protocol, rule.from_port, rule.to_port)?, peer })
}

/// A network in EC2's canonical form (no bits behind the prefix); an address alone is a network of one.
fn cidr_from(text: &str) -> Result<Ipv4Net, CloudError> {
    let net = match text.parse::<Ipv4Addr>() {
        Ok(address) => Ok(Ipv4Net::from(address)),
        Err(_) => text.parse::<Ipv4Net>(),
    };
    net.map(|net| net.trunc()).map_err(|_| {
        let text: String = text.chars().take(64).collect();
        CloudError::invalid_value(format!("{text:?} is not an IPv4 network such as 10.0.0.0/8"))
    })
}

#[cfg(test)]
mod tests {
    use cumulet_model::ErrorCode;

    use super::*;

    fn spec(protocol: &str, ports: Option<(i32, i32)>, cidr: Option<&str>) -> wire::RuleSpec {
        wire::RuleSpec {
            protocol: protocol.into(),
            from_port: ports.map(|p| p.0),
            to_port: ports.map(|p| p.1),
            cidr: cidr.map(Into::into),
            group_id: None,
            description: None,
        }
    }

    #[test]
    fn a_rule_goes_in_and_comes_out_the_same() {
        for wire in [
            spec("tcp", Some((22, 22)), Some("0.0.0.0/0")),
            spec("udp", Some((1000, 2000)), Some("10.0.0.0/8")),
            spec("icmp", Some((8, -1)), Some("10.0.0.1/32")),
            spec("all", None, Some("172.31.0.0/16")),
            spec("47", None, Some("172.31.0.0/16")),
        ] {
            let rule = Rule {
                id: "sgr-0123456789abcdef0".parse().unwrap(),
                group_id: "sg-0123456789abcdef0".parse().unwrap(),
                direction: Direction::Ingress,
                spec: spec_from(&wire).unwrap(),
                description: None,
                tags: Tags::new(),
            };
            assert_eq!(rule_to(rule).spec, wire);
        }
    }

    #[test]
    fn networks_are_brought_to_their_canonical_form() {
        assert_eq!(cidr_from("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(cidr_from("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/0", "all"] {
            assert_eq!(cidr_from(text).unwrap_err().code, ErrorCode::InvalidParameterValue, "{text}");
        }
    }

    #[test]
    fn a_rule_has_one_other_end() {
        assert_eq!(spec_from(&spec("tcp", None, None)).unwrap_err().code, ErrorCode::MissingParameter);
        let mut both = spec("tcp", None, Some("10.0.0.0/8"));
        both.group_id = Some("sg-0123456789abcdef0".into());
        assert_eq!(spec_from(&both).unwrap_err().code, ErrorCode::InvalidParameterCombination);
    }

    #[test]
    fn a_revocation_names_its_rules_one_way() {
        let group: GroupId = "sg-0123456789abcdef0".parse().unwrap();
        let mut request =
            wire::RevokeRules { direction: wire::Direction::Egress, rules: vec![], rule_ids: vec![] };
        assert!(revoke_from(group.clone(), request.clone()).is_err());
        request.rule_ids = vec!["sgr-0123456789abcdef0".into()];
        assert!(matches!(revoke_from(group.clone(), request.clone()).unwrap().which, Revoked::Ids(_)));
        request.rules = vec![spec("all", None, Some("0.0.0.0/0"))];
        assert!(revoke_from(group, request).is_err());
    }
}
