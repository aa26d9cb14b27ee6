//! From one VPC to another: the change leads there, touches no chain that is the same, and opens nothing on its way.

use std::collections::BTreeSet;

use cumulet_net::family::Family;
use cumulet_net::firewall::vpc::{render, render_apart};
use cumulet_net::firewall::{Ruleset, diff};
use cumulet_net::ipset::{self, Sets};
use cumulet_ports::network::VpcSpec;
use proptest::prelude::*;

use crate::meaning::vpc;

/// What `iptables-restore --noflush` makes of `held`; also the chains that it touched.
fn restore(held: &Ruleset, input: &str) -> (Ruleset, BTreeSet<String>) {
    let (mut rules, mut table, mut touched) = (held.clone(), String::new(), BTreeSet::new());
    for line in input.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.to_owned();
        } else if let Some(header) = line.strip_prefix(':') {
            let (name, policy) = header.split_once(' ').unwrap();
            let chain = rules.table(&table).chain(name);
            match policy.split(' ').next().unwrap() {
                "-" => chain.rules.clear(),
                policy => chain.policy = Some(policy.to_owned()),
            }
            touched.insert(format!("{table}/{name}"));
        } else if let Some(name) = line.strip_prefix("-F ") {
            rules.table(&table).chains.get_mut(name).expect("a chain to empty").rules.clear();
            touched.insert(format!("{table}/{name}"));
        } else if let Some(name) = line.strip_prefix("-X ") {
            let gone = rules.table(&table).chains.remove(name).expect("a chain to remove");
            assert!(gone.rules.is_empty());
            let target = format!("j {name}");
            let users = rules.table(&table).chains.values().flat_map(|chain| &chain.rules);
            assert!(users.into_iter().all(|rule| !rule.ends_with(&target)), "{name} is in use");
            touched.insert(format!("{table}/{name}"));
        } else if let Some(rule) = line.strip_prefix("-A ") {
            let (name, rule) = rule.split_once(' ').unwrap();
            rules.table(&table).chains.get_mut(name).expect("a chain to add to").rules.push(rule.to_owned());
            touched.insert(format!("{table}/{name}"));
        } else {
            assert_eq!(line, "COMMIT");
        }
    }
    (rules, touched)
}

/// What `ipset restore` makes of `held`.
fn restore_sets(held: &Sets, input: &str) -> Sets {
    let mut sets = held.clone();
    for line in input.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["create", name, ..] => {
                let made = ipset::parse(line).0.remove(*name).unwrap();
                assert!(sets.0.insert((*name).to_owned(), made).is_none());
            }
            ["add", name, element] => {
                sets.0.get_mut(*name).unwrap().elements.insert((*element).to_owned());
            }
            ["del", name, element] => assert!(sets.0.get_mut(*name).unwrap().elements.remove(*element)),
            ["destroy", name] => drop(sets.0.remove(*name).unwrap()),
            other => panic!("{other:?}"),
        }
    }
    sets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_change_leads_to_what_is_wanted_and_touches_only_what_differs(from in vpc(), to in vpc()) {
        let (from, to) = (render(&from), render(&to));
        let set_changes = ipset::changes(&from.sets, &to.sets);
        let between = restore_sets(&from.sets, &set_changes.before);
        for (name, set) in &between.0 {
            for (side, sets) in [("old", &from.sets), ("new", &to.sets)] {
                if let Some(other) = sets.0.get(name) {
                    let more = set.elements.difference(&other.elements).count();
                    prop_assert_eq!(more, 0, "while rules change, {} has nothing that its {} self lacks", name, side);
                }
            }
        }
        for family in Family::BOTH {
            let (held, wanted) = (from.rules(family), to.rules(family));
            let (reached, touched) = restore(held, &diff::changes(held, wanted).restore);
            prop_assert_eq!(&reached, wanted);
            for chain in touched {
                let (table, name) = chain.split_once('/').unwrap();
                prop_assert_ne!(held.tables[table].chains.get(name), wanted.tables[table].chains.get(name));
            }
            prop_assert_eq!(diff::changes(wanted, wanted), diff::RuleChanges::default());
        }
        prop_assert_eq!(restore_sets(&between, &set_changes.after), to.sets);
    }

    #[test]
    fn the_parts_that_can_differ_are_all_that_does(from in vpc(), to in vpc(), half in any::<bool>()) {
        // Half of the time the groups stay as they are, which leaves their chains out.
        let to = VpcSpec { groups: if half { from.groups.clone() } else { to.groups }, ..to };
        let named: BTreeSet<_> = to.groups.iter().map(|group| group.id.clone()).collect();
        prop_assume!(to.interfaces.iter().all(|i| i.groups.iter().all(|group| named.contains(group))));
        let [old, new] = render_apart(&from, &to);
        let (held, wanted) = (render(&from), render(&to));
        for family in Family::BOTH {
            let change = diff::changes(old.rules(family), new.rules(family)).restore;
            let (reached, _) = restore(held.rules(family), &change);
            prop_assert_eq!(&reached, wanted.rules(family));
        }
        let changes = ipset::changes(&old.sets, &new.sets);
        let reached = restore_sets(&restore_sets(&held.sets, &changes.before), &changes.after);
        prop_assert_eq!(reached, wanted.sets);
    }
}
