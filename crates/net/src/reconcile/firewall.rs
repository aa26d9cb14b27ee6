//! Bringing rendered rules and sets into the kernel.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use cumulet_ports::network::VpcSpec;
use tracing::debug;

use crate::config::NetConfig;
use crate::error::NetError;
use crate::firewall::parse::{ProtocolNames, parse};
use crate::firewall::{Ruleset, diff, host, vpc};
use crate::ipset::{self, Sets};
use crate::sys::{self, NetNs, command, conntrack};

/// Waits so many seconds for another's hold of the xtables lock.
const RESTORE: [&str; 3] = ["--noflush", "-w", "10"];

/// The rules and sets that a namespace holds.
#[derive(Debug, Default)]
pub struct Filtering {
    rules: Ruleset,
    sets: Sets,
}

impl Filtering {
    fn of((rules, sets): (Ruleset, Sets)) -> Self {
        Self { rules, sets }
    }

    /// Puts one part in the place of another.
    fn replace(&mut self, old: &Self, new: Self) {
        for (name, table) in &old.rules.tables {
            self.rules.table(name).chains.retain(|chain, _| !table.chains.contains_key(chain));
        }
        for (name, table) in new.rules.tables {
            self.rules.table(&name).chains.extend(table.chains);
        }
        self.sets.0.retain(|name, _| !old.sets.0.contains_key(name));
        self.sets.0.extend(new.sets.0);
    }
}

/// Makes a VPC's rules and sets what they shall be, whatever there is.
pub async fn vpc(ns: &NetNs, spec: &VpcSpec, changes: &mut Vec<String>) -> Result<Filtering, NetError> {
    let wanted = Filtering::of(vpc::render(spec));
    let mut held = Filtering {
        rules: held_rules(ns).await?,
        sets: ipset::parse(&command::run(ns, "ipset", &["save"], String::new()).await?),
    };
    remove_misfits(ns, &mut held.rules, &mut held.sets, &wanted.sets, changes).await?;
    lead(ns, &held, wanted, changes).await
}

/// The same from the rules and sets that there are known to be, without looking: those that `old` was made of.
pub async fn advance_vpc(
    ns: &NetNs,
    mut held: Filtering,
    (old, new): (&VpcSpec, &VpcSpec),
    changes: &mut Vec<String>,
) -> Result<Filtering, NetError> {
    let [part, wanted] = vpc::render_apart(old, new).map(Filtering::of);
    let reached = lead(ns, &part, wanted, changes).await?;
    held.replace(&part, reached);
    Ok(held)
}

async fn lead(
    ns: &NetNs,
    held: &Filtering,
    wanted: Filtering,
    changes: &mut Vec<String>,
) -> Result<Filtering, NetError> {
    let set_changes = ipset::changes(&held.sets, &wanted.sets);
    let rule_changes = diff::changes(&held.rules, &wanted.rules);
    change_sets(ns, set_changes.before).await?;
    if !rule_changes.restore.is_empty() {
        command::run(ns, "iptables-restore", &RESTORE, rule_changes.restore).await?;
    }
    change_sets(ns, set_changes.after).await?;
    let rules_changed = !rule_changes.words.is_empty();
    changes.extend(
        set_changes.words.into_iter().chain(rule_changes.words).map(|w| format!("{}: {w}", ns.name())),
    );
    if rules_changed {
        forget_connections(ns, &held.rules, &wanted.rules).await?;
    }
    Ok(wanted)
}

/// So many elements are put in or taken out without starting a program for it.
const FEW: usize = 64;

async fn change_sets(ns: &NetNs, commands: String) -> Result<(), NetError> {
    if commands.is_empty() {
        return Ok(());
    }
    let plain: Option<Vec<_>> = commands.lines().take(FEW + 1).map(sys::ipset::Change::parse).collect();
    match plain.filter(|changes| changes.len() <= FEW) {
        Some(plain) => ns.run(move || sys::ipset::change(&plain)).await.flatten(),
        None => command::run(ns, "ipset", &["restore", "-exist"], commands).await.map(drop),
    }
}

/// Removes sets of another make that have names of ours, and before them the rules that refer to them.
async fn remove_misfits(
    ns: &NetNs,
    rules: &mut Ruleset,
    held: &mut Sets,
    wanted: &Sets,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let misfits = ipset::misfits(held, wanted);
    if misfits.is_empty() {
        return Ok(());
    }
    let letting_go = diff::let_go(rules, &misfits);
    if !letting_go.is_empty() {
        command::run(ns, "iptables-restore", &RESTORE, letting_go).await?;
    }
    let removal = misfits.iter().map(|name| format!("destroy {name}\n")).collect();
    command::run(ns, "ipset", &["restore", "-exist"], removal).await?;
    held.0.retain(|name, _| !misfits.contains(name));
    changes.extend(misfits.iter().map(|name| format!("{}: set {name} of another make removed", ns.name())));
    Ok(())
}

/// Makes our part of the host's rules what it shall be, given all that it holds.
pub async fn host(
    ns: &NetNs,
    config: &NetConfig,
    reach: &host::Reach,
    held: &Ruleset,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let rule_changes = host::changes(held, &config.tag, config.public_pool.trunc(), reach);
    if !rule_changes.restore.is_empty() {
        command::run(ns, "iptables-restore", &RESTORE, rule_changes.restore).await?;
    }
    changes.extend(rule_changes.words);
    Ok(())
}

/// Takes our part out of the host's rules.
pub async fn remove_from_host(ns: &NetNs, config: &NetConfig) -> Result<(), NetError> {
    let removal = host::removal(&held_rules(ns).await?, &config.tag);
    if !removal.is_empty() {
        command::run(ns, "iptables-restore", &RESTORE, removal).await?;
    }
    Ok(())
}

/// All rules that a namespace holds.
pub async fn held_rules(ns: &NetNs) -> Result<Ruleset, NetError> {
    let saved = command::run(ns, "iptables-save", &[], String::new()).await?;
    Ok(parse(&saved, &ProtocolNames::of_host()))
}

/// Ends the tracked connections of addresses that an interface had and has no more: the next owner of the address must
/// not inherit them, and a public address that moved must not go on leading to its former owner.
async fn forget_connections(ns: &NetNs, held: &Ruleset, wanted: &Ruleset) -> Result<(), NetError> {
    // A rule that moved stands in another chain that differs as well.
    let now = bindings(wanted, held);
    let gone: BTreeSet<Ipv4Addr> =
        bindings(held, wanted).difference(&now).filter_map(|rule| address_of(rule)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let ended = ns.run(move || conntrack::forget(&gone)).await.flatten()?;
    debug!(namespace = ns.name(), ended, "tracked connections of former addresses ended");
    Ok(())
}

/// What binds an address to an interface or to another address, in chains that `other` has not just so.
fn bindings<'a>(ruleset: &'a Ruleset, other: &Ruleset) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for (name, table) in &ruleset.tables {
        let others = other.tables.get(name);
        let differs = |name: &str, chain| others.and_then(|table| table.chains.get(name)) != Some(chain);
        for (name, chain) in table.chains.iter().filter(|(name, chain)| differs(name, *chain)) {
            let rules = chain.rules.iter().filter(|rule| address_of(rule).is_some());
            match name.split('-').next() {
                // Where the packet goes on from there binds nothing: another route table may be asked.
                Some("src") => {
                    found.extend(rules.filter_map(|rule| rule.split(" -g ").next()?.split(" -j ").next()))
                }
                Some("dnat" | "snat") => found.extend(rules.map(String::as_str)),
                _ => {}
            }
        }
    }
    found
}

fn address_of(rule: &str) -> Option<Ipv4Addr> {
    rule.split_whitespace().nth(1)?.strip_suffix("/32")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_the_leaves_of_the_address_trees() {
        let saved = "*nat\n:dnat - [0:0]\n:other - [0:0]\n-A dnat -d 0.0.0.5/0.0.0.15 -j dnat-5\n\
                     -A dnat-5 -d 198.18.0.5/32 -j DNAT --to-destination 10.0.0.5\n-A other -s 1.2.3.4/32 -j x\n";
        let ruleset = parse(saved, &ProtocolNames::default());
        let addresses: Vec<_> =
            bindings(&ruleset, &Ruleset::default()).into_iter().filter_map(address_of).collect();
        assert_eq!(addresses, [Ipv4Addr::new(198, 18, 0, 5)]);
        assert!(bindings(&ruleset, &ruleset).is_empty());
    }
}
