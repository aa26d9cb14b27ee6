//! Bringing rendered rules and sets into the kernel.

use std::collections::BTreeSet;
use std::net::IpAddr;

use cumulet_ports::network::VpcSpec;
use ipnet::IpNet;
use tracing::debug;

use crate::config::NetConfig;
use crate::error::NetError;
use crate::family::Family;
use crate::firewall::parse::{ProtocolNames, parse};
use crate::firewall::untracked::Cut;
use crate::firewall::vpc::Firewall;
use crate::firewall::{Ruleset, diff, host, vpc};
use crate::ipset::{self, Sets};
use crate::sys::{self, NetNs, command, conntrack};

/// Waits so many seconds for another's hold of the xtables lock.
const RESTORE: [&str; 3] = ["--noflush", "-w", "10"];

/// The families that this kernel has.
fn families() -> impl Iterator<Item = Family> {
    let has_ipv6 = std::path::Path::new("/proc/sys/net/ipv6").exists();
    Family::BOTH.into_iter().filter(move |family| *family == Family::V4 || has_ipv6)
}

/// Makes a VPC's rules and sets what they shall be, whatever there is. `before` is what was wanted last, if that is known.
pub async fn vpc(
    ns: &NetNs,
    before: Option<&VpcSpec>,
    spec: &VpcSpec,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let wanted = vpc::render(spec);
    let mut held = Firewall {
        sets: ipset::parse(&command::run(ns, "ipset", &["save"], String::new()).await?),
        ..Firewall::default()
    };
    for family in families() {
        match family {
            Family::V4 => held.v4 = held_rules(ns, family).await?,
            Family::V6 => held.v6 = held_rules(ns, family).await?,
        }
    }
    remove_misfits(ns, &mut held, &wanted.sets, changes).await?;
    lead(ns, &held, &wanted, changes).await?;
    match before {
        Some(before) => cut(ns, before, spec).await,
        None => Ok(()),
    }
}

/// The same from the rules and sets that there are known to be, without looking: those that `old` was made of.
pub async fn advance_vpc(
    ns: &NetNs,
    (old, new): (&VpcSpec, &VpcSpec),
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let [held, wanted] = vpc::render_apart(old, new);
    lead(ns, &held, &wanted, changes).await?;
    cut(ns, old, new).await
}

/// Ends flows that count as untracked and that the new rules do not let through.
async fn cut(ns: &NetNs, old: &VpcSpec, new: &VpcSpec) -> Result<(), NetError> {
    let Some(cut) = Cut::of(old, new) else { return Ok(()) };
    let ended = ns.run(move || conntrack::end(|flow| cut.cuts(flow))).await.flatten()?;
    debug!(namespace = ns.name(), ended, "untracked flows cut");
    Ok(())
}

async fn lead(
    ns: &NetNs,
    held: &Firewall,
    wanted: &Firewall,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let set_changes = ipset::changes(&held.sets, &wanted.sets);
    change_sets(ns, set_changes.before).await?;
    changes.extend(set_changes.words.into_iter().map(|words| format!("{}: {words}", ns.name())));
    let mut gone = BTreeSet::new();
    for family in families() {
        let (held, wanted) = (held.rules(family), wanted.rules(family));
        let rule_changes = diff::changes(held, wanted);
        if !rule_changes.restore.is_empty() {
            restore(ns, family, rule_changes.restore).await?;
            gone.extend(let_go(held, wanted));
        }
        let name = if family == Family::V4 { "" } else { "ip6 " };
        changes.extend(rule_changes.words.into_iter().map(|words| format!("{}: {name}{words}", ns.name())));
    }
    change_sets(ns, set_changes.after).await?;
    forget_connections(ns, gone).await
}

/// Feeds a family's `iptables-restore`.
async fn restore(ns: &NetNs, family: Family, input: String) -> Result<(), NetError> {
    let program = match family {
        Family::V4 => "iptables-restore",
        Family::V6 => "ip6tables-restore",
    };
    command::run(ns, program, &RESTORE, input).await.map(drop)
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
    held: &mut Firewall,
    wanted: &Sets,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let misfits = ipset::misfits(&held.sets, wanted);
    if misfits.is_empty() {
        return Ok(());
    }
    for (family, rules) in [(Family::V4, &mut held.v4), (Family::V6, &mut held.v6)] {
        let letting_go = diff::let_go(rules, &misfits);
        if !letting_go.is_empty() {
            restore(ns, family, letting_go).await?;
        }
    }
    let removal = misfits.iter().map(|name| format!("destroy {name}\n")).collect();
    command::run(ns, "ipset", &["restore", "-exist"], removal).await?;
    held.sets.0.retain(|name, _| !misfits.contains(name));
    changes.extend(misfits.iter().map(|name| format!("{}: set {name} of another make removed", ns.name())));
    Ok(())
}

/// Makes our part of the host's rules for a family what it shall be, given all that it holds.
pub async fn host(
    ns: &NetNs,
    config: &NetConfig,
    family: Family,
    reach: &host::Reach,
    held: &Ruleset,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let pool: IpNet = match family {
        Family::V4 => config.public_pool.trunc().into(),
        Family::V6 => config.ipv6_pool.trunc().into(),
    };
    let rule_changes = host::changes(held, &config.tag, pool, reach);
    if !rule_changes.restore.is_empty() {
        restore(ns, family, rule_changes.restore).await?;
    }
    changes.extend(rule_changes.words);
    Ok(())
}

/// Takes our part out of the host's rules.
pub async fn remove_from_host(ns: &NetNs, config: &NetConfig) -> Result<(), NetError> {
    for family in families() {
        let removal = host::removal(&held_rules(ns, family).await?, &config.tag);
        if !removal.is_empty() {
            restore(ns, family, removal).await?;
        }
    }
    Ok(())
}

/// All rules that a namespace holds for a family.
pub async fn held_rules(ns: &NetNs, family: Family) -> Result<Ruleset, NetError> {
    let program = match family {
        Family::V4 => "iptables-save",
        Family::V6 => "ip6tables-save",
    };
    let saved = command::run(ns, program, &[], String::new()).await?;
    Ok(parse(&saved, &ProtocolNames::of_host()))
}

/// The addresses that an interface had and has no more.
fn let_go(held: &Ruleset, wanted: &Ruleset) -> BTreeSet<IpAddr> {
    // A rule that moved stands in another chain that differs as well.
    let now = bindings(wanted, held);
    bindings(held, wanted).difference(&now).filter_map(|rule| address_of(rule)).collect()
}

/// Ends the tracked connections of these addresses: the next owner of an address must not inherit them, and a public
/// address that moved must not go on leading to its former owner.
async fn forget_connections(ns: &NetNs, gone: BTreeSet<IpAddr>) -> Result<(), NetError> {
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

fn address_of(rule: &str) -> Option<IpAddr> {
    let block: IpNet = rule.split_whitespace().nth(1)?.parse().ok()?;
    (block.prefix_len() == block.max_prefix_len()).then(|| block.addr())
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
        assert_eq!(addresses, [IpAddr::from([198, 18, 0, 5])]);
        assert!(bindings(&ruleset, &ruleset).is_empty());
    }
}
