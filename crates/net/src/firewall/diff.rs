//! From the rules that are there to those that shall be: text for `iptables-restore --noflush`, which the kernel takes
//! a table at a time, whole or not at all.

use super::{Chain, Ruleset, Table};

/// What `iptables-restore` shall be fed, and what it does in words. Both are empty when nothing differs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleChanges {
    /// Input for `iptables-restore --noflush`.
    pub restore: String,
    /// One line for each chain that changes.
    pub words: Vec<String>,
}

/// What leads from `actual` to `desired` in a namespace that is ours alone. Only chains that differ are touched; chains
/// that nobody wants go, and so do foreign rules in a chain of ours. Tables that `desired` does not name are left.
pub fn changes(actual: &Ruleset, desired: &Ruleset) -> RuleChanges {
    let mut out = RuleChanges::default();
    let nothing = Table::default();
    for (name, wanted) in &desired.tables {
        let held = actual.tables.get(name).unwrap_or(&nothing);
        table_changes(name, held, wanted, &mut out);
    }
    out
}

fn table_changes(table: &str, held: &Table, wanted: &Table, out: &mut RuleChanges) {
    let changed: Vec<(&String, &Chain)> =
        wanted.chains.iter().filter(|(name, chain)| held.chains.get(*name) != Some(chain)).collect();
    let stale: Vec<&String> = held
        .chains
        .iter()
        .filter(|(name, chain)| chain.policy.is_none() && !wanted.chains.contains_key(*name))
        .map(|(name, _)| name)
        .collect();
    // A chain of the kernel's that holds rules which nobody wants, though we say nothing of it.
    let littered: Vec<&String> = held
        .chains
        .iter()
        .filter(|(name, chain)| {
            chain.policy.is_some() && !wanted.chains.contains_key(*name) && !chain.rules.is_empty()
        })
        .map(|(name, _)| name)
        .collect();
    if changed.is_empty() && stale.is_empty() && littered.is_empty() {
        return;
    }
    let mut text = format!("*{table}\n");
    for (name, chain) in &changed {
        let kept = held.chains.get(*name);
        match (&chain.policy, kept) {
            (Some(policy), Some(kept)) if kept.policy.as_ref() == Some(policy) => {}
            // Naming one of the kernel's own chains sets its policy but keeps its rules.
            (Some(policy), _) => text.push_str(&format!(":{name} {policy} [0:0]\n")),
            // Naming one of ours makes it. One that is there is not named: newer versions of iptables would look
            // through all chains for it.
            (None, None) => text.push_str(&format!(":{name} - [0:0]\n")),
            (None, Some(_)) => {}
        }
        if !is_continued(kept, chain) && (kept.is_some() || chain.policy.is_some()) {
            text.push_str(&format!("-F {name}\n"));
        }
        out.words.push(format!("{table}/{name}: {} rules", chain.rules.len()));
    }
    for name in stale.iter().chain(&littered) {
        text.push_str(&format!("-F {name}\n"));
    }
    for (name, chain) in &changed {
        let kept = held.chains.get(*name).filter(|kept| is_continued(Some(kept), chain));
        for rule in &chain.rules[kept.map_or(0, |kept| kept.rules.len())..] {
            text.push_str(&format!("-A {name} {rule}\n"));
        }
    }
    for name in &stale {
        text.push_str(&format!("-X {name}\n"));
        out.words.push(format!("{table}/{name}: removed"));
    }
    for name in &littered {
        out.words.push(format!("{table}/{name}: emptied"));
    }
    text.push_str("COMMIT\n");
    out.restore.push_str(&text);
}

/// Whether the rules that are there are the first of those that shall be, so that the rest need only be added.
fn is_continued(held: Option<&Chain>, wanted: &Chain) -> bool {
    held.is_some_and(|held| wanted.rules.starts_with(&held.rules))
}

/// Empties, here and in the text for `iptables-restore --noflush` that is given back, each chain with a rule that names
/// one of these sets, so that the sets can go. The kernel's chains then do what their policy says, ours nothing.
pub fn let_go(held: &mut Ruleset, sets: &[String]) -> String {
    let mut text = String::new();
    for (name, table) in &mut held.tables {
        let mut lines = String::new();
        for (chain, content) in &mut table.chains {
            if content.rules.iter().any(|rule| sets.iter().any(|set| names_set(rule, set))) {
                content.rules.clear();
                lines.push_str(&format!("-F {chain}\n"));
            }
        }
        if !lines.is_empty() {
            text.push_str(&format!("*{name}\n{lines}COMMIT\n"));
        }
    }
    text
}

fn names_set(rule: &str, set: &str) -> bool {
    let words: Vec<&str> = rule.split_whitespace().collect();
    words.windows(2).any(|pair| pair == ["--match-set", set])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::Rule;

    fn sample() -> Ruleset {
        let mut ruleset = Ruleset::default();
        let filter = ruleset.table("filter");
        filter.builtin("FORWARD", "DROP").push(Rule::jump("a"));
        filter.chain("a").push(Rule::jump("ACCEPT"));
        ruleset
    }

    #[test]
    fn equal_rules_need_nothing() {
        assert_eq!(changes(&sample(), &sample()), RuleChanges::default());
    }

    #[test]
    fn only_the_chain_that_differs_is_written() {
        let mut held = sample();
        held.table("filter").chain("a").rules.clear();
        held.table("filter").chain("old").push(Rule::jump("ACCEPT"));
        let changes = changes(&held, &sample());
        assert_eq!(changes.restore, "*filter\n-F old\n-A a -j ACCEPT\n-X old\nCOMMIT\n");
        assert_eq!(changes.words, ["filter/a: 1 rules", "filter/old: removed"]);
    }

    #[test]
    fn a_chain_that_goes_on_is_only_added_to() {
        let (held, mut wanted) = (sample(), sample());
        wanted.table("filter").chain("a").push(Rule::jump("DROP"));
        assert_eq!(changes(&held, &wanted).restore, "*filter\n-A a -j DROP\nCOMMIT\n");
        assert_eq!(changes(&wanted, &held).restore, "*filter\n-F a\n-A a -j ACCEPT\nCOMMIT\n");
    }

    #[test]
    fn an_empty_kernel_gets_it_all() {
        let restore = changes(&Ruleset::default(), &sample()).restore;
        assert_eq!(
            restore,
            "*filter\n:FORWARD DROP [0:0]\n-F FORWARD\n:a - [0:0]\n-A FORWARD -j a\n-A a -j ACCEPT\nCOMMIT\n"
        );
    }

    #[test]
    fn a_set_is_let_go_by_the_chains_that_name_it_alone() {
        let mut held = sample();
        held.table("filter").chain("b").push(Rule::jump("ACCEPT").in_set("x", "src"));
        held.table("filter").chain("c").push(Rule::jump("ACCEPT").in_set("xy", "src"));
        assert_eq!(let_go(&mut held, &["x".to_owned()]), "*filter\n-F b\nCOMMIT\n");
        assert!(held.tables["filter"].chains["b"].rules.is_empty());
        assert!(!held.tables["filter"].chains["c"].rules.is_empty());
    }
}
