//! Which chains ask an interface's groups: one group's own, or one that asks several in turn, which all interfaces with
//! the same groups share.

use std::collections::{BTreeSet, HashMap, HashSet};

use cumulet_model::{GroupId, PrefixListId};
use cumulet_ports::network::{GroupSpec, InterfaceSpec, PrefixListSpec, VpcSpec};

use super::vpc::ALLOWED;
use super::{Rule, Table, group};
use crate::family::Family;
use crate::ipset::{SetKind, Sets, elements};
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

    /// Puts these chains and those of the groups that are in use into `table`, and the sets that they name into `sets`.
    pub fn render(&self, vpc: &VpcSpec, family: Family, table: &mut Table, sets: &mut Sets) {
        for chains in self.0.values() {
            chains.render(table);
        }
        for group in self.used(vpc) {
            group::render(group, family, table, sets);
        }
        members(vpc, family, self.referenced(vpc, family), sets);
        prefixes(vpc, family, self.lists(vpc, family), sets);
    }

    /// The same, without the chains and sets that `other`, a state of the same VPC, has just so.
    pub fn render_apart(
        &self,
        vpc: &VpcSpec,
        family: Family,
        (others, other): (&Self, &VpcSpec),
        table: &mut Table,
        sets: &mut Sets,
    ) {
        let theirs: HashSet<&str> = others.0.values().map(|chains| chains.out.as_str()).collect();
        for chains in self.0.values().filter(|chains| !theirs.contains(chains.out.as_str())) {
            chains.render(table);
        }
        let used: HashMap<&GroupId, &GroupSpec> =
            others.used(other).map(|group| (&group.id, group)).collect();
        for group in self.used(vpc).filter(|group| used.get(&group.id) != Some(group)) {
            group::render(group, family, table, sets);
        }
        let mut referenced = self.referenced(vpc, family);
        if vpc.interfaces == other.interfaces {
            let theirs = others.referenced(other, family);
            referenced.retain(|group| !theirs.contains(group));
        }
        members(vpc, family, referenced, sets);
        let mut lists = self.lists(vpc, family);
        let theirs = others.lists(other, family);
        lists.retain(|id| !theirs.contains(id) || list(vpc, id) != list(other, id));
        prefixes(vpc, family, lists, sets);
    }

    /// The groups that rules in use refer to.
    fn referenced<'b>(&self, vpc: &'b VpcSpec, family: Family) -> BTreeSet<&'b GroupId> {
        self.used(vpc).flat_map(|group| group::referenced(group, family)).collect()
    }

    /// The prefix lists that rules in use refer to.
    fn lists<'b>(&self, vpc: &'b VpcSpec, family: Family) -> BTreeSet<&'b PrefixListId> {
        self.used(vpc).flat_map(|group| group::lists(group, family)).collect()
    }

    /// The groups that some interface has.
    fn used<'b>(&self, vpc: &'b VpcSpec) -> impl Iterator<Item = &'b GroupSpec> + use<'b> {
        let used: HashSet<GroupId> =
            self.0.values().flat_map(|chains| chains.groups.iter().map(|group| (*group).clone())).collect();
        vpc.groups.iter().filter(move |group| used.contains(&group.id))
    }
}

fn list<'a>(vpc: &'a VpcSpec, id: &PrefixListId) -> Option<&'a PrefixListSpec> {
    vpc.prefix_lists.iter().find(|list| list.id == *id)
}

/// The prefixes of lists.
fn prefixes(vpc: &VpcSpec, family: Family, lists: BTreeSet<&PrefixListId>, sets: &mut Sets) {
    for id in lists {
        let prefixes = list(vpc, id).into_iter().flat_map(|list| &list.prefixes);
        let ours = prefixes.filter(|prefix| Family::of(prefix) == family);
        let elements = ours.flat_map(|prefix| elements(*prefix));
        sets.insert(&names::list_set(id, family), SetKind::HashNet(family), elements);
    }
}

/// The members of groups, by all their addresses.
fn members(vpc: &VpcSpec, family: Family, groups: BTreeSet<&GroupId>, sets: &mut Sets) {
    let mut members: HashMap<&GroupId, Vec<String>> = groups.into_iter().map(|id| (id, vec![])).collect();
    if members.is_empty() {
        return;
    }
    for interface in &vpc.interfaces {
        for group in &interface.groups {
            if let Some(members) = members.get_mut(group) {
                members.extend(family.addresses(interface).into_iter().map(|(own, _)| own.to_string()));
            }
        }
    }
    for (group, members) in members {
        sets.insert(&names::member_set(group, family), SetKind::HashIp(family), members);
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
