//! Whether a packet is what a rule asks for. It knows the matches that we render and the commonest of others; any other is
//! unknown, and never guessed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::packet::{Packet, Protocol};
use ipnet::IpNet;

/// Sets by name, each as networks; `None` for one whose elements are something else.
pub type Members = HashMap<String, Option<Vec<IpNet>>>;

/// A packet at a hook.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The packet.
    pub packet: Packet,
    /// Link that it came in by; empty if it was made here.
    pub input: String,
    /// Link that it goes out by; empty where that is not known yet.
    pub output: String,
    /// Ethernet source, in lower case, where it is known.
    pub mac: Option<String>,
    /// Mark.
    pub mark: u32,
    /// Its connection's mark.
    pub connmark: u32,
    /// `NEW` or `ESTABLISHED`.
    pub state: &'static str,
    /// Whether it answers.
    pub reply: bool,
    /// Whether its connection's destination was translated.
    pub dnat: bool,
    /// Whether its connection's source was translated.
    pub snat: bool,
}

/// A part of a rule that can't be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(pub String);

/// Whether all of a rule's matches hold: the words before its target.
pub fn all_hold(words: &[&str], members: &Members, seen: &Seen) -> Result<bool, Unknown> {
    let mut rest = words;
    loop {
        let (negated, after) = match rest {
            [] => return Ok(true),
            ["!", after @ ..] => (true, after),
            after => (false, after),
        };
        let (holds, after) = one(after, members, seen)?;
        match holds {
            Some(holds) if holds == negated => return Ok(false),
            _ => rest = after,
        }
    }
}

/// Names of match modules whose options say what they ask; alone they ask nothing beyond the protocol.
const MODULES: [&str; 16] = [
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "mac",
    "set",
    "mark",
    "connmark",
    "conntrack",
    "state",
    "comment",
    "addrtype",
    "multiport",
    "connlimit",
    "limit",
    "hashlimit",
];

type Told<'a> = (Option<bool>, &'a [&'a str]);

/// The first match of the words; `None` for a word that asks nothing.
fn one<'a>(words: &'a [&'a str], members: &Members, seen: &Seen) -> Result<Told<'a>, Unknown> {
    let unknown = || Unknown(words.iter().take(3).copied().collect::<Vec<_>>().join(" "));
    let packet = &seen.packet;
    let told = |holds, after| Ok((Some(holds), after));
    match words {
        ["-m", module, after @ ..] if MODULES.contains(module) => Ok((None, after)),
        ["-s", net, after @ ..] => told(under_mask(packet.source, net).ok_or_else(unknown)?, after),
        ["-d", net, after @ ..] => told(under_mask(packet.destination, net).ok_or_else(unknown)?, after),
        ["-i", link, after @ ..] => told(is_link(&seen.input, link), after),
        ["-o", link, after @ ..] => told(is_link(&seen.output, link), after),
        ["-p", protocol, after @ ..] => {
            told(number_of(protocol).ok_or_else(unknown)? == packet.protocol.number(), after)
        }
        ["--dport" | "--dports", list, after @ ..] => {
            told(in_ports(packet.protocol.ports().map(|ports| ports.1), list).ok_or_else(unknown)?, after)
        }
        ["--sport" | "--sports", list, after @ ..] => {
            told(in_ports(packet.protocol.ports().map(|ports| ports.0), list).ok_or_else(unknown)?, after)
        }
        ["--icmp-type" | "--icmpv6-type", kind, after @ ..] => {
            told(is_icmp(packet.protocol, kind).ok_or_else(unknown)?, after)
        }
        ["--match-set", set, end, after @ ..] => {
            let address = match *end {
                "src" => packet.source,
                "dst" => packet.destination,
                _ => return Err(unknown()),
            };
            let set = members.get(*set).and_then(Option::as_ref).ok_or_else(unknown)?;
            told(set.iter().any(|net| net.contains(&address)), after)
        }
        ["--mac-source", mac, after @ ..] => {
            let known = seen.mac.as_ref().ok_or_else(unknown)?;
            told(known.eq_ignore_ascii_case(mac), after)
        }
        ["--mark", mark, after @ ..] => {
            // Of the two matches with this option the one of the packet's own mark is what we use.
            let (value, mask) = mark_of(mark).ok_or_else(unknown)?;
            told(seen.mark & mask == value, after)
        }
        ["--ctstate" | "--state", states, after @ ..] => {
            let dnat = seen.dnat && states.split(',').any(|state| state == "DNAT");
            let snat = seen.snat && states.split(',').any(|state| state == "SNAT");
            told(dnat || snat || states.split(',').any(|state| state == seen.state), after)
        }
        ["--ctdir", direction, after @ ..] => told((*direction == "REPLY") == seen.reply, after),
        ["--ctstatus", states, after @ ..] => {
            // A connection is confirmed once its first packet went through.
            let known = seen.state == "ESTABLISHED";
            told(states.split(',').any(|state| matches!(state, "CONFIRMED" | "SEEN_REPLY") && known), after)
        }
        ["--tcp-flags", mask, wanted, after @ ..] => {
            // The first segment has SYN alone, its answer SYN and ACK.
            let has: &[&str] = if seen.reply { &["SYN", "ACK"] } else { &["SYN"] };
            let wanted: Vec<_> = wanted.split(',').filter(|flag| *flag != "NONE").collect();
            let is_tcp = matches!(packet.protocol, Protocol::Tcp { .. });
            told(is_tcp && mask.split(',').all(|flag| has.contains(&flag) == wanted.contains(&flag)), after)
        }
        ["--comment", _, after @ ..] => Ok((None, after)),
        // One connection is below any limit.
        ["--connlimit-above", _, after @ ..] => told(false, after),
        ["--connlimit-upto", _, after @ ..] => told(true, after),
        ["--connlimit-mask", _, after @ ..] => Ok((None, after)),
        ["--connlimit-saddr" | "--connlimit-daddr" | "--return-nomatch", after @ ..] => Ok((None, after)),
        _ => Err(unknown()),
    }
}

/// A mark and its mask, both in hexadecimal as `iptables-save` prints them.
pub fn mark_of(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

fn number_of(protocol: &str) -> Option<u8> {
    Some(match protocol {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "ipv6-icmp" | "icmpv6" => 58,
        number => number.parse().ok()?,
    })
}

fn in_ports(port: Option<u16>, list: &str) -> Option<bool> {
    let mut found = false;
    for range in list.split(',') {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let range: std::ops::RangeInclusive<u16> = first.parse().ok()?..=last.parse().ok()?;
        found |= port.is_some_and(|port| range.contains(&port));
    }
    Some(found)
}

fn is_icmp(protocol: Protocol, kind: &str) -> Option<bool> {
    let (Protocol::Icmp { icmp_type, code } | Protocol::Icmpv6 { icmp_type, code }) = protocol else {
        return Some(false);
    };
    let (wanted, its_code) = kind.split_once('/').map_or((kind, None), |(t, c)| (t, Some(c)));
    let code_fits = match its_code {
        Some(wanted) => wanted.parse::<u8>().ok()? == code,
        None => true,
    };
    Some(wanted.parse::<u8>().ok()? == icmp_type && code_fits)
}

fn is_link(link: &str, pattern: &str) -> bool {
    pattern.strip_suffix('+').map_or(link == pattern, |prefix| link.starts_with(prefix))
}

fn under_mask(address: IpAddr, text: &str) -> Option<bool> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(net.contains(&address));
    }
    let (base, mask) = text.split_once('/').unwrap_or((text, ""));
    match (base.parse().ok()?, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let mask = if mask.is_empty() { u32::MAX } else { mask.parse::<Ipv4Addr>().ok()?.into() };
            Some(u32::from(address) & mask == u32::from(base) & mask)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let all = u128::MAX;
            let mask = if mask.is_empty() { all } else { mask.parse::<std::net::Ipv6Addr>().ok()?.into() };
            Some(u128::from(address) & mask == u128::from(base) & mask)
        }
        _ => Some(false),
    }
}
