//! Which chains ask an interface's groups: one group's own, or one that asks several in turn, which all interfaces with
//! the same groups share.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cumulet_model::GroupId;
use cumulet_ports::network::{GroupSpec, InterfaceSpec, VpcSpec};

use super::vpc::ALLOWED;
use super::{Rule, Table, group};
use crate::ipset::{SetKind, Sets};
use crate::names;

/// The chains of all lists of groups that a VPC's interfaces have.
pub struct Asking<'a>(HashMap<&'a [GroupId], Chains<'a>>);

/// The chains of one list of groups.
pub struct Chains<'a> {
    /// Asks whether an interface with these groups may send a packet.
    pub out: String,
    /// Asks whether it may be sent one.
    pub into: String,
    groups: BTreeSet<&'a GroupId>,
}

impl<'a> Asking<'a> {
    /// Those of a VPC.
    pub fn of_all(vpc: &'a VpcSpec) -> Self {
        let mut chains = HashMap::new();
        for interface in vpc.interfaces.iter().filter(|interface| !interface.groups.is_empty()) {
            chains.entry(interface.groups.as_slice()).or_insert_with(|| Chains::of(&interface.groups));
        }
        Self(chains)
    }

    /// Those of an interface; `None` if it has no groups.
    pub fn of(&self, interface: &InterfaceSpec) -> Option<&Chains<'a>> {
        self.0.get(interface.groups.as_slice())
    }

    /// Whether these are the chains of the same lists of groups.
    pub fn asks_the_same(&self, other: &Asking<'_>) -> bool {
        self.0.len() == other.0.len() && self.0.keys().all(|groups| other.0.contains_key(*groups))
    }

    /// Puts these chains and those of the groups that are in use into `table`, and the sets of CIDRs that they name into
    /// `sets`.
    pub fn render(&self, vpc: &VpcSpec, table: &mut Table, sets: &mut Sets) {
        for chains in self.0.values() {
            chains.render(table);
        }
        for group in self.used(vpc) {
            group::render(group, table, sets);
        }
    }

    /// Puts the members of the groups that rules in use refer to into `sets`.
    pub fn render_members(&self, vpc: &VpcSpec, sets: &mut Sets) {
        let referenced = self.used(vpc).flat_map(group::referenced);
        let mut members: BTreeMap<&GroupId, Vec<String>> = referenced.map(|id| (id, vec![])).collect();
        for interface in &vpc.interfaces {
            for group in &interface.groups {
                if let Some(members) = members.get_mut(group) {
                    members.push(interface.private_ip.to_string());
                }
            }
        }
        for (group, members) in members {
            sets.insert(&names::member_set(group), SetKind::HashIp, members);
        }
    }

    /// The groups that some interface has.
    fn used<'b>(&self, vpc: &'b VpcSpec) -> impl Iterator<Item = &'b GroupSpec> {
        let used: BTreeSet<&GroupId> =
            self.0.values().flat_map(|chains| chains.groups.iter().copied()).collect();
        let used: BTreeSet<GroupId> = used.into_iter().cloned().collect();
        vpc.groups.iter().filter(move |group| used.contains(&group.id))
    }
}

impl<'a> Chains<'a> {
    fn of(groups: &'a [GroupId]) -> Self {
        let groups: BTreeSet<_> = groups.iter().collect();
        let named = |way| match groups.first() {
            Some(only) if groups.len() == 1 => names::group_chain(only, way),
            _ => names::groups_chain(groups.iter().copied(), way),
        };
        Self { out: named("out"), into: named("in"), groups }
    }

    /// Lists that differ in their order alone have the same chain.
    fn render(&self, table: &mut Table) {
        if self.groups.len() == 1 || table.chains.contains_key(&self.out) {
            return;
        }
        let out = table.chain(&self.out);
        for group in &self.groups {
            out.push(Rule::jump(names::group_chain(group, "out")));
            out.push(Rule::jump("RETURN").matching(format!("-m mark --mark {ALLOWED}")));
        }
        let into = table.chain(&self.into);
        for group in &self.groups {
            into.push(Rule::jump(names::group_chain(group, "in")));
        }
    }
}
