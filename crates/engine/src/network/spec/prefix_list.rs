//! Prefix lists that rules name.

use std::collections::BTreeSet;

use cumulet_model::PrefixListId;
use cumulet_model::prefix_list::PrefixList;
use cumulet_model::security::Peer;
use cumulet_ports::network::{GroupSpec, PrefixListSpec};

/// The lists that rules of these groups name, in the order of their ids.
pub fn of_groups(lists: &[PrefixList], groups: &[GroupSpec]) -> Vec<PrefixListSpec> {
    let rules = groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress));
    let named: BTreeSet<&PrefixListId> = rules
        .filter_map(|rule| match &rule.peer {
            Peer::PrefixList(id) => Some(id),
            _ => None,
        })
        .collect();
    let list = |id: &&PrefixListId| lists.iter().find(|list| list.id == **id);
    named.iter().filter_map(list).map(spec).collect()
}

fn spec(list: &PrefixList) -> PrefixListSpec {
    PrefixListSpec { id: list.id.clone(), prefixes: list.entries.iter().map(|entry| entry.cidr).collect() }
}
