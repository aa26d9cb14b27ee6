//! Finding an address's rule among many: a tree of chains over the address's low bits, four at a time.
//!
//! A list of a thousand rules costs a packet a thousand comparisons; the tree costs it some twenty. An address that
//! comes or goes changes its leaf's chain alone, now and then a split one level up.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::{Rule, Table};

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

/// Puts chain `root` and those below it into `table`, so that a packet meets the rule of its address. A rule must match
/// its own address; a packet of no known address returns from `root`.
pub fn tree(table: &mut Table, root: &str, end: End, rules: BTreeMap<Ipv4Addr, String>) {
    let all = rules.into_iter().map(|(address, rule)| (u32::from(address), rule));
    branch(table, root, end, all.collect(), 0);
}

fn branch(table: &mut Table, name: &str, end: End, rules: Vec<(u32, String)>, shift: u32) {
    if rules.len() <= LEAF || shift >= u32::BITS {
        table.chain(name).rules.extend(rules.into_iter().map(|(_, rule)| rule));
        return;
    }
    let mask = ((1 << STEP) - 1) << shift;
    let mut parts: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for (address, rule) in rules {
        parts.entry(address & mask).or_default().push((address, rule));
    }
    for (bits, part) in parts {
        let below = if shift == 0 { format!("{name}-") } else { name.to_owned() };
        let below = format!("{below}{:x}", bits >> shift);
        let jump = Rule::jump(&below);
        table.chain(name).push(match end {
            End::Source => jump.from_masked(bits, mask),
            End::Destination => jump.to_masked(bits, mask),
        });
        branch(table, &below, end, part, shift + STEP);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let rules: BTreeMap<_, _> = addresses.iter().copied().map(Ipv4Addr::from)
                .map(|a| (a, Rule::jump(format!("V-{a}")).from(a).to_string())).collect();
            let mut table = Table::default();
            tree(&mut table, "src", End::Source, rules.clone());
            for address in rules.keys() {
                prop_assert_eq!(walk(&table, "src", *address).0, vec![format!("V-{address}")]);
            }
        }
    }

    #[test]
    fn a_thousand_addresses_cost_few_comparisons() {
        let base = u32::from(Ipv4Addr::new(172, 31, 0, 4));
        let rules: BTreeMap<_, _> = (0..1000)
            .map(|n| Ipv4Addr::from(base + n))
            .map(|a| (a, Rule::jump(format!("V-{a}")).from(a).to_string()))
            .collect();
        let mut table = Table::default();
        tree(&mut table, "src", End::Source, rules.clone());
        let most = rules.keys().map(|a| walk(&table, "src", *a).1).max().unwrap();
        assert!(most <= 40, "{most} comparisons");
        assert!(table.chains.keys().all(|name| name.len() <= 28));
    }
}
