//! Finding an address's rule among many: a tree of chains over the address's low bits, four at a time.
//!
//! A list of a thousand rules costs a packet a thousand comparisons; the tree costs it some twenty. An address that
//! comes or goes changes its leaf's chain alone, now and then a split one level up.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cumulet_ports::network::InterfaceSpec;

use super::{Rule, Ruleset, Table};
use crate::family::{Family, number};
use crate::plan::TableNumber;

/// Up to so many addresses are a plain list.
const LEAF: usize = 8;
const STEP: u32 = 4;

/// Which end of a packet is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// A tree, before it is written: a packet meets the rule of its address, and returns from `root` if there is none.
pub struct Tree<'a> {
    /// Table that it is in.
    pub table: &'static str,
    /// Chain that it begins with.
    pub root: &'static str,
    /// Which end of a packet it looks at.
    pub end: End,
    /// Whose addresses they are.
    pub family: Family,
    /// What each address's rule is made of, by the address's number.
    pub leaves: BTreeMap<u128, Leaf<'a>>,
    /// Writes a rule, which must match the leaf's address; the same for equal leaves.
    pub write: Box<dyn Fn(&Leaf<'a>) -> String + 'a>,
}

/// What the rule of an address is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leaf<'a> {
    /// The address.
    pub address: IpAddr,
    /// The interface that has it.
    pub interface: &'a InterfaceSpec,
    /// What it is translated to.
    pub translated: Option<IpAddr>,
    /// The number of the interface's route table.
    pub table: Option<TableNumber>,
}

type Leaves<'a> = Vec<(u128, Leaf<'a>)>;

impl<'a> Tree<'a> {
    /// Sorts leaves by their addresses.
    pub fn sorted(leaves: impl IntoIterator<Item = Leaf<'a>>) -> BTreeMap<u128, Leaf<'a>> {
        leaves.into_iter().map(|leaf| (number(leaf.address), leaf)).collect()
    }

    /// Puts all of it into `ruleset`.
    pub fn put(&self, ruleset: &mut Ruleset) {
        self.branch(ruleset.table(self.table), self.root, self.leaves(), 0);
    }

    /// Puts into `parts` those chains of an old and a new tree that can differ, and no others.
    pub fn put_apart(old: &Self, new: &Self, parts: (&mut Ruleset, &mut Ruleset)) {
        let tables = (parts.0.table(old.table), parts.1.table(new.table));
        apart((old, new), tables, new.root, (old.leaves(), new.leaves()), 0);
    }

    fn leaves(&self) -> Leaves<'a> {
        self.leaves.iter().map(|(address, leaf)| (*address, *leaf)).collect()
    }

    fn branch(&self, table: &mut Table, name: &str, leaves: Leaves<'a>, shift: u32) {
        if self.is_list(&leaves, shift) {
            table.chain(name).rules.extend(leaves.iter().map(|(_, leaf)| (self.write)(leaf)));
            return;
        }
        for (bits, part) in parted(leaves, shift) {
            let below = below(name, bits, shift);
            self.jump(table, name, &below, bits, shift);
            self.branch(table, &below, part, shift + STEP);
        }
    }

    fn jump(&self, table: &mut Table, name: &str, below: &str, bits: u128, shift: u32) {
        let jump = Rule::jump(below);
        table.chain(name).push(match self.end {
            End::Source => jump.from_masked(self.family, bits, mask(shift)),
            End::Destination => jump.to_masked(self.family, bits, mask(shift)),
        });
    }

    fn is_list(&self, leaves: &Leaves<'_>, shift: u32) -> bool {
        leaves.len() <= LEAF || shift >= self.family.bits()
    }
}

/// What is in both trees by the same name, with the same leaves, is the same all the way down.
fn apart<'a>(
    (old, new): (&Tree<'a>, &Tree<'a>),
    (old_table, new_table): (&mut Table, &mut Table),
    name: &str,
    (was, is): (Leaves<'a>, Leaves<'a>),
    shift: u32,
) {
    if was == is {
        return;
    }
    if old.is_list(&was, shift) || new.is_list(&is, shift) {
        old.branch(old_table, name, was, shift);
        new.branch(new_table, name, is, shift);
        return;
    }
    let (was, mut is) = (parted(was, shift), parted(is, shift));
    for bits in was.keys() {
        old.jump(old_table, name, &below(name, *bits, shift), *bits, shift);
    }
    for bits in is.keys() {
        new.jump(new_table, name, &below(name, *bits, shift), *bits, shift);
    }
    for (bits, was) in was {
        let below = below(name, bits, shift);
        match is.remove(&bits) {
            Some(is) => apart((old, new), (old_table, new_table), &below, (was, is), shift + STEP),
            None => old.branch(old_table, &below, was, shift + STEP),
        }
    }
    for (bits, is) in is {
        new.branch(new_table, &below(name, bits, shift), is, shift + STEP);
    }
}

fn mask(shift: u32) -> u128 {
    ((1 << STEP) - 1) << shift
}

fn parted(leaves: Leaves<'_>, shift: u32) -> BTreeMap<u128, Leaves<'_>> {
    let mut parts: BTreeMap<u128, Leaves<'_>> = BTreeMap::new();
    for (address, leaf) in leaves {
        parts.entry(address & mask(shift)).or_default().push((address, leaf));
    }
    parts
}

fn below(name: &str, bits: u128, shift: u32) -> String {
    let dash = if shift == 0 { "-" } else { "" };
    format!("{name}{dash}{:x}", bits >> shift)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn interface(address: Ipv4Addr) -> InterfaceSpec {
        InterfaceSpec {
            id: "eni-00000001".parse().unwrap(),
            instance_id: "i-00000001".parse().unwrap(),
            subnet_id: "subnet-00000001".parse().unwrap(),
            mac: cumulet_model::MacAddr([2; 6]),
            private_ip: address,
            public_ip: None,
            secondary: vec![],
            ipv6: vec![],
            groups: vec![],
            source_dest_check: true,
            host_name: String::new(),
            queues: 1,
        }
    }

    fn own(interface: &InterfaceSpec) -> IpAddr {
        interface.private_ip.into()
    }

    fn tree(interfaces: &[InterfaceSpec]) -> Tree<'_> {
        let write = |leaf: &Leaf<'_>| {
            let (own, host) = (leaf.address, &leaf.interface.host_name);
            Rule::jump(format!("V-{own}{host}")).from(own).to_string()
        };
        let leaf = |interface| Leaf { address: own(interface), interface, translated: None, table: None };
        let leaves = Tree::sorted(interfaces.iter().map(leaf));
        Tree {
            table: "raw",
            root: "src",
            end: End::Source,
            family: Family::V4,
            leaves,
            write: Box::new(write),
        }
    }

    fn written(interfaces: &[InterfaceSpec]) -> Table {
        let mut ruleset = Ruleset::default();
        tree(interfaces).put(&mut ruleset);
        ruleset.tables.remove("raw").unwrap()
    }

    /// Walks the chains as the kernel would and gives the leaf rules met, and how many rules were compared.
    fn walk(table: &Table, chain: &str, address: Ipv4Addr) -> (Vec<String>, usize) {
        let (mut met, mut compared) = (Vec::new(), 0);
        for rule in &table.chains[chain].rules {
            compared += 1;
            let (condition, target) = rule.trim_start_matches("-s ").split_once(" -j ").unwrap();
            let (bits, mask) = condition.split_once('/').unwrap();
            let bits = u32::from(bits.parse::<Ipv4Addr>().unwrap());
            let mask = match mask.parse::<u32>() {
                Ok(length) => u32::MAX << (32 - length),
                Err(_) => u32::from(mask.parse::<Ipv4Addr>().unwrap()),
            };
            if u32::from(address) & mask != bits {
                continue;
            }
            if table.chains.contains_key(target) {
                let (more, n) = walk(table, target, address);
                met.extend(more);
                compared += n;
            } else {
                met.push(target.to_owned());
            }
        }
        (met, compared)
    }

    proptest! {
        #[test]
        fn each_address_meets_its_own_rule_alone(addresses in proptest::collection::btree_set(any::<u32>(), 0..200)) {
            let interfaces: Vec<_> = addresses.iter().copied().map(Ipv4Addr::from).map(interface).collect();
            let table = written(&interfaces);
            for address in interfaces.iter().map(|interface| &interface.private_ip) {
                prop_assert_eq!(walk(&table, "src", *address).0, vec![format!("V-{address}")]);
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_left_out_of_both_parts_is_in_both_trees(
            common in proptest::collection::btree_set(0..400u32, 0..200),
            old in proptest::collection::btree_set(0..400u32, 0..9),
            new in proptest::collection::btree_set(0..400u32, 0..9),
            renamed in proptest::collection::btree_set(0..400u32, 0..3),
        ) {
            let all = |more: &std::collections::BTreeSet<u32>| -> Vec<InterfaceSpec> {
                common.union(more).map(|n| interface(Ipv4Addr::from(n * 3))).collect()
            };
            let (old, mut new) = (all(&old), all(&new));
            for interface in new.iter_mut().filter(|i| renamed.contains(&(u32::from(i.private_ip) / 3))) {
                interface.host_name = "x".to_owned();
            }
            let mut parts = (Ruleset::default(), Ruleset::default());
            Tree::put_apart(&tree(&old), &tree(&new), (&mut parts.0, &mut parts.1));
            let (mut old, new) = (written(&old), written(&new));
            for (name, chain) in &parts.0.table("raw").chains {
                let was = old.chains.remove(name);
                prop_assert_eq!(was.as_ref(), Some(chain));
            }
            old.chains.extend(parts.1.table("raw").chains.clone());
            prop_assert_eq!(old, new);
        }
    }

    #[test]
    fn a_thousand_addresses_cost_few_comparisons() {
        let base = u32::from(Ipv4Addr::new(172, 31, 0, 4));
        let interfaces: Vec<_> = (0..1000).map(|n| interface(Ipv4Addr::from(base + n))).collect();
        let table = written(&interfaces);
        let most = interfaces.iter().map(|i| walk(&table, "src", i.private_ip).1).max().unwrap();
        assert!(most <= 40, "{most} comparisons");
        assert!(table.chains.keys().all(|name| name.len() <= 28));
    }
}
