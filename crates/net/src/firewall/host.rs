//! What of the host's own firewall is ours: three chains with the installation's tag and one jump to each, put first; the
//! same in IPv6's once a VPC has it.
//!
//! Guests may go out through the host, masqueraded, but not into the networks around it unless that is allowed
//! ([`Reach`]); whoever may route through the host reaches their public addresses (where security groups stand guard);
//! nothing of a guest reaches the host's own services, but answers to what the host asked. All of it also holds under a
//! FORWARD policy of DROP, as Docker sets it. The rest of the host's firewall is not touched.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::input::with_icmp_type;
use super::{Rule, Ruleset, Table};
use crate::config::Tag;
use crate::names;

/// A chain of the kernel's and ours that is jumped to from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Table.
    pub table: &'static str,
    /// The kernel's chain.
    pub from: &'static str,
    /// Our chain.
    pub chain: String,
    /// The rule that jumps, without its `-A CHAIN`.
    pub jump: String,
}

/// Our hooks in the host's firewall.
pub fn hooks(tag: &Tag) -> [Hook; 3] {
    let hook = |table, from, suffix: &str| {
        let chain = format!("CUMULET-{tag}-{suffix}");
        let jump = Rule::jump(&chain).comment(&format!("cumulet {tag}")).to_string();
        Hook { table, from, chain, jump }
    };
    [hook("filter", "INPUT", "IN"), hook("filter", "FORWARD", "FWD"), hook("nat", "POSTROUTING", "NAT")]
}

/// Networks that are never the internet: private use, shared by a carrier's customers, link-local, this host, multicast
/// and reserved (RFC 6890).
const NEVER_OUTSIDE: [Ipv4Net; 8] = [
    net([0, 0, 0, 0], 8),
    net([10, 0, 0, 0], 8),
    net([100, 64, 0, 0], 10),
    net([127, 0, 0, 0], 8),
    net([169, 254, 0, 0], 16),
    net([172, 16, 0, 0], 12),
    net([192, 168, 0, 0], 16),
    net([224, 0, 0, 0], 3),
];

/// The same of IPv6: all but global unicast addresses (RFC 4291) is one of this host's, of a site, of a link or a group; and
/// what stands for IPv4 addresses (RFC 6052, RFC 8215, RFC 3056) may lead to private ones.
const NEVER_OUTSIDE_V6: [Ipv6Net; 6] = [
    net6(0, 8),
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 32),
    net6(0x2002, 16),
    net6(0xfc00, 7),
    net6(0xfe80, 9),
    net6(0xff00, 8),
];

const fn net(base: [u8; 4], length: u8) -> Ipv4Net {
    let [a, b, c, d] = base;
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(a, b, c, d), length)
}

const fn net6(first: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0), length)
}

/// How far guests get by the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    allowed: Vec<IpNet>,
    refused: Vec<IpNet>,
}

impl Reach {
    /// The internet and what is `allowed`; of the rest neither private networks nor those `around` the host.
    pub fn new(allowed: &[Ipv4Net], around: Vec<Ipv4Net>) -> Self {
        let refused = around.into_iter().chain(NEVER_OUTSIDE).collect();
        let nets = |nets: Vec<Ipv4Net>| nets.into_iter().map(IpNet::from).collect();
        Self {
            allowed: nets(Ipv4Net::aggregate(&allowed.to_vec())),
            refused: nets(Ipv4Net::aggregate(&refused)),
        }
    }

    /// The same of IPv6, where nothing is allowed but the internet.
    pub fn new_v6(around: Vec<Ipv6Net>) -> Self {
        let refused = around.into_iter().chain(NEVER_OUTSIDE_V6).collect();
        Self { allowed: vec![], refused: Ipv6Net::aggregate(&refused).into_iter().map(IpNet::from).collect() }
    }
}

/// What our chains shall hold; only them. A pool of IPv6 addresses that the world knows is not masked.
pub fn render(tag: &Tag, pool: impl Into<IpNet>, reach: &Reach) -> Ruleset {
    let (link, pool) = (names::host_link(tag), pool.into());
    let is_private = match pool {
        IpNet::V4(_) => true,
        IpNet::V6(pool) => NEVER_OUTSIDE_V6.iter().any(|net| net.contains(&pool)),
    };
    let mut ruleset = Ruleset::default();
    let [input, forward, nat] = hooks(tag);
    let chain = ruleset.table(input.table).chain(&input.chain);
    chain.push(Rule::jump("ACCEPT").input(&link).state("RELATED,ESTABLISHED"));
    if matches!(pool, IpNet::V6(_)) {
        // Neighbour discovery, by which the two ends of the link find each other.
        for kind in [135, 136] {
            chain.push(with_icmp_type(Rule::jump("ACCEPT").input(&link), kind));
        }
    }
    chain.push(Rule::jump("DROP").input(&link));
    let chain = ruleset.table(forward.table).chain(&forward.chain);
    let outward = |target| Rule::jump(target).from(pool).input(&link);
    let refusal = match pool {
        IpNet::V4(_) => "REJECT --reject-with icmp-admin-prohibited",
        IpNet::V6(_) => "REJECT --reject-with icmp6-adm-prohibited",
    };
    chain.push(outward("ACCEPT").state("RELATED,ESTABLISHED"));
    for allowed in &reach.allowed {
        chain.push(outward("ACCEPT").to(*allowed));
    }
    for refused in &reach.refused {
        chain.push(outward(refusal).to(*refused));
    }
    chain.push(outward("ACCEPT"));
    chain.push(Rule::jump("DROP").input(&link));
    if matches!(pool, IpNet::V6(_)) {
        // Nobody outside has a guest's address; of IPv4 the edge's reverse path check says so.
        chain.push(Rule::jump("DROP").from(pool).not_input(&link).output(&link));
    }
    chain.push(Rule::jump("ACCEPT").to(pool).output(&link));
    let chain = ruleset.table(nat.table).chain(&nat.chain);
    if is_private {
        chain.push(Rule::jump("MASQUERADE").from(pool).not_output(&link));
    }
    ruleset
}

/// Text for `iptables-restore --noflush` that brings our chains and their jumps about, and what it does in words; both
/// empty when the host's firewall holds them already.
pub fn changes(
    actual: &Ruleset,
    tag: &Tag,
    pool: impl Into<IpNet>,
    reach: &Reach,
) -> super::diff::RuleChanges {
    let desired = render(tag, pool, reach);
    let mut out = super::diff::RuleChanges::default();
    for (name, wanted) in &desired.tables {
        let held = actual.tables.get(name);
        let mut text = String::new();
        for (chain, content) in &wanted.chains {
            if held.and_then(|table| table.chains.get(chain)) != Some(content) {
                text.push_str(&format!(":{chain} - [0:0]\n"));
                content.rules.iter().for_each(|rule| text.push_str(&format!("-A {chain} {rule}\n")));
                out.words.push(format!("host {name}/{chain}: {} rules", content.rules.len()));
            }
        }
        for hook in hooks(tag).iter().filter(|hook| hook.table == name) {
            let times = jumps(held, hook);
            if times == 0 {
                text.push_str(&format!("-I {} 1 {}\n", hook.from, hook.jump));
                out.words.push(format!("host {name}/{}: jump to {}", hook.from, hook.chain));
            }
            for _ in 1..times {
                text.push_str(&format!("-D {} {}\n", hook.from, hook.jump));
                out.words.push(format!("host {name}/{}: doubled jump removed", hook.from));
            }
        }
        if !text.is_empty() {
            out.restore.push_str(&format!("*{name}\n{text}COMMIT\n"));
        }
    }
    out
}

/// Text for `iptables-restore --noflush` that removes all that is ours; empty when there is nothing.
pub fn removal(actual: &Ruleset, tag: &Tag) -> String {
    let mut out = String::new();
    for table in ["filter", "nat"] {
        let held = actual.tables.get(table);
        let mut text = String::new();
        let ours = || hooks(tag).into_iter().filter(|hook| hook.table == table);
        for hook in ours() {
            for _ in 0..jumps(held, &hook) {
                text.push_str(&format!("-D {} {}\n", hook.from, hook.jump));
            }
        }
        for hook in ours().filter(|hook| held.is_some_and(|table| table.chains.contains_key(&hook.chain))) {
            text.push_str(&format!("-F {0}\n-X {0}\n", hook.chain));
        }
        if !text.is_empty() {
            out.push_str(&format!("*{table}\n{text}COMMIT\n"));
        }
    }
    out
}

fn jumps(held: Option<&Table>, hook: &Hook) -> usize {
    held.and_then(|table| table.chains.get(hook.from))
        .map_or(0, |chain| chain.rules.iter().filter(|rule| **rule == hook.jump).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Ipv4Net {
        "198.18.0.0/24".parse().unwrap()
    }

    #[test]
    fn a_host_with_rules_of_its_own_gets_only_ours_added() {
        let tag: Tag = "ct1".parse().unwrap();
        let mut host = Ruleset::default();
        host.table("filter").builtin("FORWARD", "DROP").push(Rule::jump("DOCKER"));
        let changes = changes(&host, &tag, pool(), &Reach::default());
        assert!(
            changes
                .restore
                .contains("-I FORWARD 1 -m comment --comment \"cumulet ct1\" -j CUMULET-ct1-FWD\n")
        );
        assert!(!changes.restore.contains("DOCKER") && !changes.restore.contains(":FORWARD"));
    }

    #[test]
    fn once_there_nothing_changes_and_removal_takes_all_of_it() {
        let tag: Tag = "ct1".parse().unwrap();
        let mut host = render(&tag, pool(), &Reach::default());
        for hook in hooks(&tag) {
            let chain = host.table(hook.table).builtin(hook.from, "ACCEPT");
            chain.rules.push(hook.jump.clone());
        }
        assert_eq!(changes(&host, &tag, pool(), &Reach::default()), Default::default());
        let removal = removal(&host, &tag);
        assert_eq!(removal.matches("-D ").count(), 3);
        assert_eq!(removal.matches("-X CUMULET-ct1-").count(), 3);
    }

    #[test]
    fn the_longest_tag_makes_chain_names_that_fit() {
        let tag: Tag = "cumulet".parse().unwrap();
        assert!(hooks(&tag).iter().all(|hook| hook.chain.len() <= 28));
    }

    #[test]
    fn networks_around_the_host_are_refused_but_what_is_allowed() {
        let around = vec!["192.168.7.0/24".parse().unwrap(), "203.0.113.0/24".parse().unwrap()];
        let reach = Reach::new(&["192.168.7.9/32".parse().unwrap()], around);
        let ruleset = render(&"ct1".parse().unwrap(), pool(), &reach);
        let rules = &ruleset.tables["filter"].chains["CUMULET-ct1-FWD"].rules;
        let at = |part: &str| rules.iter().position(|rule| rule.contains(part)).unwrap();
        assert!(
            at("-d 192.168.7.9/32 -i ct1-edge -j ACCEPT") < at("-d 192.168.0.0/16 -i ct1-edge -j REJECT")
        );
        assert!(at("-d 203.0.113.0/24 -i ct1-edge -j REJECT") < at("-s 198.18.0.0/24 -i ct1-edge -j ACCEPT"));
        assert!(!rules.iter().any(|rule| rule.contains("192.168.7.0/24")), "it is in the wider one");
    }
}
