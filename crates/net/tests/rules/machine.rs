//! A walk through rendered rules for the first packet of a connection. It knows just the matches that we render, and
//! refuses others, so that a new one can't pass unseen.

use std::net::IpAddr;

use cumulet_net::family::number;
use cumulet_net::firewall::Table;
use cumulet_net::ipset::Sets;
use ipnet::IpNet;

/// A packet.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Link that it comes in by.
    pub input: String,
    /// Link that it goes out by.
    pub output: String,
    /// Where from.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// Ethernet source.
    pub mac: String,
    /// Protocol number.
    pub protocol: u8,
    /// Destination port, or ICMP type and code.
    pub detail: (u16, u8),
    /// Firewall mark.
    pub mark: u32,
}

enum End {
    Verdict(bool),
    Return,
}

/// Whether the packet gets through one of the kernel's chains.
pub fn accepts(table: &Table, sets: &Sets, chain: &str, packet: &Packet) -> bool {
    through(table, sets, chain, packet).is_some()
}

/// The packet as it comes out of one of the kernel's chains, with the marks that it got there.
pub fn through(table: &Table, sets: &Sets, chain: &str, packet: &Packet) -> Option<Packet> {
    let mut packet = packet.clone();
    let accepted = match walk(table, sets, chain, &mut packet) {
        End::Verdict(accepted) => accepted,
        End::Return => table.chains[chain].policy.as_deref() == Some("ACCEPT"),
    };
    accepted.then_some(packet)
}

fn walk(table: &Table, sets: &Sets, chain: &str, packet: &mut Packet) -> End {
    for rule in &table.chains[chain].rules {
        let words: Vec<&str> = rule.split_whitespace().collect();
        let at = words.iter().position(|word| matches!(*word, "-j" | "-g")).unwrap();
        if !matches(&words[..at], sets, packet) {
            continue;
        }
        match words[at + 1] {
            "ACCEPT" => return End::Verdict(true),
            "DROP" => return End::Verdict(false),
            "RETURN" => return End::Return,
            "MARK" => {
                let ["--set-xmark", mark] = words[at + 2..] else { panic!("{rule}") };
                let (value, mask) = mark_of(mark);
                packet.mark = packet.mark & !mask ^ value;
            }
            below => match (walk(table, sets, below, packet), words[at]) {
                (End::Verdict(accepted), _) => return End::Verdict(accepted),
                (End::Return, "-g") => return End::Return,
                (End::Return, _) => {}
            },
        }
    }
    End::Return
}

fn matches(words: &[&str], sets: &Sets, packet: &Packet) -> bool {
    let mut rest = words;
    loop {
        let (negated, after) = match rest {
            [] => return true,
            ["!", after @ ..] => (true, after),
            after => (false, after),
        };
        let (holds, after) = one(after, sets, packet);
        if holds == negated {
            return false;
        }
        rest = after;
    }
}

fn one<'a>(words: &'a [&'a str], sets: &Sets, packet: &Packet) -> (bool, &'a [&'a str]) {
    let value_of = |text: &str| text.parse::<u16>().unwrap();
    match words {
        [
            "-m",
            "tcp" | "udp" | "icmp" | "icmp6" | "connlimit" | "hl" | "mac" | "set" | "mark" | "conntrack",
            after @ ..,
        ] => (true, after),
        ["-s", net, after @ ..] => (under_mask(packet.source, net), after),
        ["-d", net, after @ ..] => (under_mask(packet.destination, net), after),
        ["-i", link, after @ ..] => (is_link(&packet.input, link), after),
        ["-o", link, after @ ..] => (is_link(&packet.output, link), after),
        ["-p", protocol, after @ ..] => (packet.protocol == number_of(protocol), after),
        ["--dport", range, after @ ..] => {
            let (first, last) = range.split_once(':').unwrap_or((range, range));
            ((value_of(first)..=value_of(last)).contains(&packet.detail.0), after)
        }
        ["--sport", _, after @ ..] => (false, after),
        ["--icmp-type" | "--icmpv6-type", kind, after @ ..] => {
            let (icmp_type, code) = kind.split_once('/').map_or((*kind, None), |(t, c)| (t, Some(c)));
            let code_holds = code.is_none_or(|code| value_of(code) == u16::from(packet.detail.1));
            (value_of(icmp_type) == packet.detail.0 && code_holds, after)
        }
        ["--match-set", set, "src", after @ ..] => (in_set(sets, set, packet.source), after),
        ["--match-set", set, "dst", after @ ..] => (in_set(sets, set, packet.destination), after),
        ["--mac-source", mac, after @ ..] => (packet.mac == *mac, after),
        ["--mark", mark, after @ ..] => {
            let (value, mask) = mark_of(mark);
            (packet.mark & mask == value, after)
        }
        // The first packet of a connection: neither of the two that we render.
        ["--ctstate", "INVALID" | "RELATED,ESTABLISHED", after @ ..] => (false, after),
        ["--ctdir", "REPLY", after @ ..] => (false, after),
        // There are no others.
        [
            "--connlimit-above",
            _,
            "--connlimit-mask",
            _,
            "--connlimit-saddr" | "--connlimit-daddr",
            after @ ..,
        ] => (false, after),
        // It has passed a router.
        ["--hl-eq", "255", after @ ..] => (false, after),
        other => panic!("a match that the walk does not know: {other:?}"),
    }
}

fn mark_of(text: &str) -> (u32, u32) {
    let (value, mask) = text.split_once('/').unwrap();
    let number = |text: &str| u32::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap();
    (number(value), number(mask))
}

fn number_of(protocol: &str) -> u8 {
    match protocol {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        number => number.parse().unwrap(),
    }
}

fn is_link(link: &str, pattern: &str) -> bool {
    pattern.strip_suffix('+').map_or(link == pattern, |prefix| link.starts_with(prefix))
}

fn under_mask(address: IpAddr, net: &str) -> bool {
    let (base, mask) = net.split_once('/').unwrap();
    let base: IpAddr = base.parse().unwrap();
    match mask.parse::<u8>() {
        Ok(length) => IpNet::new(base, length).unwrap().contains(&address),
        Err(_) => number(address) & number(mask.parse().unwrap()) == number(base),
    }
}

fn in_set(sets: &Sets, name: &str, address: IpAddr) -> bool {
    let set = sets.0.get(name).unwrap_or_else(|| panic!("a rule names {name}, which is no set"));
    set.elements.iter().any(|element| match element.parse::<IpNet>() {
        Ok(net) => net.contains(&address),
        Err(_) => element.parse::<IpAddr>().unwrap() == address,
    })
}
