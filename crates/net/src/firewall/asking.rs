//! Which groups are asked for a packet: those that have its sender or its receiver among their members, found by the sets
//! of members, so that an interface that joins or leaves a group is a change of sets alone.
//!
//! Many groups are asked in buckets, each with a set of the members of all its groups, so that a packet does not meet
//! each group.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cumulet_model::security::Direction;
use cumulet_model::{GroupId, InterfaceId, PrefixListId};
use cumulet_ports::network::{GroupSpec, InterfaceSpec, PrefixListSpec, VpcSpec};

use super::group::way;
use super::vpc::ALLOWED;
use super::{Rule, Table, group};
use crate::family::Family;
use crate::ipset::{SetKind, Sets, elements};
use crate::names;

/// Up to so many groups are asked one after the other; more are asked in so many buckets.
const FEW: usize = 32;

/// The groups that a VPC's interfaces have, of one address family.
pub struct Asking<'a> {
    vpc: &'a VpcSpec,
    family: Family,
    used: BTreeMap<&'a GroupId, &'a GroupSpec>,
    /// Groups that have a set: they are used, or rules in use refer to them.
    with_set: BTreeSet<&'a GroupId>,
    lists: BTreeSet<&'a PrefixListId>,
}

impl<'a> Asking<'a> {
    /// Those of a VPC.
    pub fn of(vpc: &'a VpcSpec, family: Family) -> Self {
        // One that forwards is asked for what is others', also of a family that it has no address of.
        let is_asked =
            |i: &&InterfaceSpec| family == Family::V4 || !i.ipv6.is_empty() || !i.source_dest_check;
        let asked = vpc.interfaces.iter().filter(is_asked);
        let ids: HashSet<&GroupId> = asked.flat_map(|interface| &interface.groups).collect();
        let used: BTreeMap<_, _> = vpc
            .groups
            .iter()
            .filter(|group| ids.contains(&group.id))
            .map(|group| (&group.id, group))
            .collect();
        let referenced = used.values().flat_map(|used| group::referenced(used, family));
        let with_set = used.keys().copied().chain(referenced).collect();
        let lists = used.values().flat_map(|used| group::lists(used, family)).collect();
        Self { vpc, family, used, with_set, lists }
    }

    /// The chains of an interface's groups for one way.
    pub fn chains(&self, interface: &InterfaceSpec, direction: Direction) -> Vec<String> {
        let used = interface.groups.iter().filter(|group| self.used.contains_key(group));
        used.map(|group| names::group_chain(group, way(direction))).collect()
    }

    /// Puts the chains that ask and those of the groups that are in use into `table`, and the sets that they name into
    /// `sets`.
    pub fn render(&self, table: &mut Table, sets: &mut Sets) {
        self.asks(table);
        for group in self.used.values() {
            group::render(group, self.family, table, sets);
        }
        self.members(&self.with_set, &|_| true, sets);
        self.buckets(&|_| true, sets);
        self.prefixes(&self.lists, sets);
    }

    /// The same, without the chains, sets and members that `other`, a state of the same VPC, has just so.
    pub fn render_apart(&self, other: &Self, table: &mut Table, sets: &mut Sets) {
        let same_groups = self.used.keys().eq(other.used.keys());
        if !same_groups {
            self.asks(table);
        }
        for (_, group) in self.used.iter().filter(|(id, group)| other.used.get(*id) != Some(*group)) {
            group::render(group, self.family, table, sets);
        }
        let only_here = self.with_set.difference(&other.with_set).copied().collect();
        self.members(&only_here, &|_| true, sets);
        let theirs: HashMap<&InterfaceId, &InterfaceSpec> =
            other.vpc.interfaces.iter().map(|interface| (&interface.id, interface)).collect();
        let differs = |interface: &InterfaceSpec| theirs.get(&interface.id) != Some(&interface);
        if self.vpc.interfaces != other.vpc.interfaces {
            let in_both = self.with_set.intersection(&other.with_set).copied().collect();
            self.members(&in_both, &differs, sets);
        }
        match same_groups {
            true if self.vpc.interfaces != other.vpc.interfaces => self.buckets(&differs, sets),
            true => {}
            false => self.buckets(&|_| true, sets),
        }
        let differ = |id: &&&PrefixListId| !other.lists.contains(*id) || self.list(id) != other.list(id);
        self.prefixes(&self.lists.iter().filter(differ).copied().collect(), sets);
    }

    /// The chains that find the groups of a packet's ends.
    fn asks(&self, table: &mut Table) {
        for (root, direction, end) in
            [("egress", Direction::Egress, "src"), ("ingress", Direction::Ingress, "dst")]
        {
            table.chain(root);
            let mut ask = |chain: &str, set: &str, below: &str| {
                let chain = table.chain(chain);
                chain.push(Rule::jump(below).in_set(set, end));
                if direction == Direction::Egress {
                    chain.push(Rule::jump("RETURN").marked(ALLOWED));
                }
            };
            for bucket in self.in_buckets().keys() {
                ask(root, &bucket_set(*bucket, self.family), &format!("{root}-{bucket}"));
            }
            for id in self.used.keys() {
                let chain = self.bucket(id).map_or(root.to_owned(), |bucket| format!("{root}-{bucket}"));
                ask(&chain, &names::member_set(id, self.family), &names::group_chain(id, way(direction)));
            }
        }
    }

    /// Which bucket a group is in, if there are so many that it is in one.
    fn bucket(&self, group: &GroupId) -> Option<usize> {
        let hash = names::fnv1a(group.as_str().as_bytes());
        (self.used.len() > FEW).then_some((hash % FEW as u64) as usize)
    }

    fn in_buckets(&self) -> BTreeMap<usize, BTreeSet<&'a GroupId>> {
        let mut buckets: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for group in self.used.keys() {
            if let Some(bucket) = self.bucket(group) {
                buckets.entry(bucket).or_default().insert(*group);
            }
        }
        buckets
    }

    /// The sets of buckets, with members among those interfaces alone that are to be looked at.
    fn buckets(&self, is_looked_at: &dyn Fn(&InterfaceSpec) -> bool, sets: &mut Sets) {
        for (bucket, groups) in self.in_buckets() {
            let members = self.vpc.interfaces.iter().filter(|i| is_looked_at(i));
            let members = members.filter(|i| i.groups.iter().any(|group| groups.contains(group)));
            let own = members.flat_map(|interface| self.family.addresses(interface));
            let elements = own.map(|(own, _)| own.to_string());
            sets.insert(&bucket_set(bucket, self.family), SetKind::HashIp(self.family), elements);
        }
    }

    /// The members of groups by all their addresses, among those interfaces alone that are to be looked at.
    fn members(
        &self,
        groups: &BTreeSet<&GroupId>,
        is_looked_at: &dyn Fn(&InterfaceSpec) -> bool,
        sets: &mut Sets,
    ) {
        if groups.is_empty() {
            return;
        }
        let mut members: HashMap<&GroupId, Vec<String>> = groups.iter().map(|id| (*id, vec![])).collect();
        for interface in self.vpc.interfaces.iter().filter(|interface| is_looked_at(interface)) {
            for group in &interface.groups {
                if let Some(members) = members.get_mut(group) {
                    let own = self.family.addresses(interface).into_iter();
                    members.extend(own.map(|(own, _)| own.to_string()));
                }
            }
        }
        for (group, members) in members {
            sets.insert(&names::member_set(group, self.family), SetKind::HashIp(self.family), members);
        }
    }

    fn list(&self, id: &PrefixListId) -> Option<&'a PrefixListSpec> {
        self.vpc.prefix_lists.iter().find(|list| list.id == *id)
    }

    /// The prefixes of lists.
    fn prefixes(&self, lists: &BTreeSet<&PrefixListId>, sets: &mut Sets) {
        for id in lists {
            let prefixes = self.list(id).into_iter().flat_map(|list| &list.prefixes);
            let ours = prefixes.filter(|prefix| Family::of(prefix) == self.family);
            let elements = ours.flat_map(|prefix| elements(*prefix));
            sets.insert(&names::list_set(id, self.family), SetKind::HashNet(self.family), elements);
        }
    }
}

/// Set of the members of a bucket's groups.
fn bucket_set(bucket: usize, family: Family) -> String {
    match family {
        Family::V4 => format!("bucket-{bucket}"),
        Family::V6 => format!("bucket6-{bucket}"),
    }
}
