//! What rules may be: peers that are there, texts of EC2's set, and no more than a group may have.

use cumulet_model::prefix_list::{AddressFamily, PrefixList};
use cumulet_model::security::{Peer, RuleSpec, SecurityGroup};
use cumulet_model::{CloudError, ErrorCode, PrefixListId};

use super::check_text;
use crate::cloud::{Cloud, Result};

/// EC2's default limit of rules in each direction of a group, for IPv4 and for IPv6.
const MAX_RULES: usize = 60;

impl Cloud {
    /// Checks the peers and descriptions of rules for a group.
    pub(super) async fn check_rules(
        &self,
        group: &SecurityGroup,
        rules: &[(RuleSpec, Option<String>)],
    ) -> Result<()> {
        let (groups, lists) = (self.security_groups().await?, self.prefix_lists().await?);
        for (spec, description) in rules {
            check_description(description.as_deref())?;
            match &spec.peer {
                Peer::Cidr(_) | Peer::Cidr6(_) => {}
                Peer::Group(peer) => {
                    if !groups.iter().any(|other| other.id == *peer && other.vpc_id == group.vpc_id) {
                        let vpc = &group.vpc_id;
                        let text = format!("The security group '{peer}' does not exist in VPC '{vpc}'");
                        return Err(CloudError::new(ErrorCode::InvalidGroupNotFound, text));
                    }
                }
                Peer::PrefixList(id) => {
                    if !lists.iter().any(|list| list.id == *id) {
                        return Err(no_list(id));
                    }
                }
            }
        }
        Ok(())
    }
}

pub(super) fn check_description(description: Option<&str>) -> Result<()> {
    description.map_or(Ok(()), |text| check_text("Description", text))
}

pub(crate) fn no_list(id: &PrefixListId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidPrefixListIdNotFound, "prefix list ID", id)
}

/// Refuses more rules than one direction of a group may have. A rule counts for the family of its peer; one for the members
/// of a group counts for both; one for a prefix list counts as many as the list may have entries (VPC guide, "Prefix
/// lists", "quotas").
pub(crate) fn check_weights<'a>(
    rules: impl Iterator<Item = &'a RuleSpec>,
    lists: &[PrefixList],
) -> Result<()> {
    let (mut ipv4, mut ipv6) = (0, 0);
    for rule in rules {
        let (more4, more6) = match &rule.peer {
            Peer::Cidr(_) => (1, 0),
            Peer::Cidr6(_) => (0, 1),
            Peer::Group(_) => (1, 1),
            Peer::PrefixList(id) => match lists.iter().find(|list| list.id == *id) {
                Some(list) if list.family == AddressFamily::Ipv4 => (list.max_entries as usize, 0),
                Some(list) => (0, list.max_entries as usize),
                None => (0, 0),
            },
        };
        (ipv4, ipv6) = (ipv4 + more4, ipv6 + more6);
    }
    if ipv4 <= MAX_RULES && ipv6 <= MAX_RULES {
        return Ok(());
    }
    Err(CloudError::new(
        ErrorCode::RulesPerSecurityGroupLimitExceeded,
        format!("The maximum number of rules per security group has been reached: {MAX_RULES}"),
    ))
}

pub(super) fn duplicate(spec: &RuleSpec) -> CloudError {
    let peer = match &spec.peer {
        Peer::Cidr(cidr) => cidr.to_string(),
        Peer::Cidr6(cidr) => cidr.to_string(),
        Peer::PrefixList(id) => id.to_string(),
        Peer::Group(id) => id.to_string(),
    };
    let ports =
        spec.traffic.from_to().map_or("ALL".into(), |(from, to)| format!("from port: {from}, to port: {to}"));
    CloudError::new(
        ErrorCode::InvalidPermissionDuplicate,
        format!(
            "the specified rule \"peer: {peer}, {}, {ports}, ALLOW\" already exists",
            spec.traffic.protocol().to_uppercase()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cumulet_model::prefix_list::PrefixListState;
    use cumulet_model::security::Traffic;

    fn list(family: AddressFamily, max_entries: u32) -> PrefixList {
        PrefixList {
            id: "pl-00000000000000001".parse().unwrap(),
            name: "office".into(),
            family,
            max_entries,
            version: 1,
            state: PrefixListState::CreateComplete,
            entries: vec![],
            created: jiff::Timestamp::UNIX_EPOCH,
            tags: Default::default(),
        }
    }

    #[test]
    fn a_rule_for_a_prefix_list_counts_as_the_list_may_grow() {
        let rule = |peer| RuleSpec { traffic: Traffic::All, peer };
        let one = rule(Peer::PrefixList("pl-00000000000000001".parse().unwrap()));
        let v4 = rule(Peer::Cidr("10.0.0.0/8".parse().unwrap()));
        let v6 = rule(Peer::Cidr6("fd00::/8".parse().unwrap()));
        let check = |rules: &[&RuleSpec], list| check_weights(rules.iter().copied(), &[list]);
        assert!(check(&[&one, &v6], list(AddressFamily::Ipv4, 60)).is_ok());
        let full = check(&[&one, &v4], list(AddressFamily::Ipv4, 60)).unwrap_err();
        assert_eq!(full.code, ErrorCode::RulesPerSecurityGroupLimitExceeded);
        assert!(check(&[&one, &v6], list(AddressFamily::Ipv6, 60)).is_err());
    }
}
