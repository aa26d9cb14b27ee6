//! A walk through one table's chain.

use std::net::IpAddr;

use super::matches::{Members, Seen, Unknown, all_hold, mark_of};
use crate::firewall::Table;

/// A table with the sets that its rules name.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    /// Its chains.
    pub table: &'a Table,
    /// The sets of its namespace.
    pub members: &'a Members,
}

/// What a chain of the kernel's says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What becomes of the packet.
    pub verdict: Verdict,
    /// The rule that decided, with its chain; or the policy.
    pub rule: String,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Accept,
    /// It ends here.
    Drop,
    /// It goes on with another destination.
    Destination(IpAddr, Option<u16>),
    /// It goes on with another source; `None` for the one of the link that it goes out by.
    Source(Option<IpAddr>),
    /// That can't be told.
    Unknown,
}

enum Flow {
    Decided(Outcome),
    Return,
}

/// How deep chains may call each other.
const DEEPEST: usize = 64;

impl Filter<'_> {
    /// What one of the kernel's chains says to a packet, whose marks it may set.
    pub fn chain(&self, name: &str, seen: &mut Seen) -> Outcome {
        match self.walk(name, seen, DEEPEST) {
            Flow::Decided(outcome) => outcome,
            Flow::Return => {
                let policy = self.table.chains.get(name).and_then(|chain| chain.policy.as_deref());
                let policy = policy.unwrap_or("ACCEPT");
                let verdict = if policy == "DROP" { Verdict::Drop } else { Verdict::Accept };
                Outcome { verdict, rule: format!("-P {name} {policy}") }
            }
        }
    }

    fn walk(&self, name: &str, seen: &mut Seen, deepest: usize) -> Flow {
        let Some(chain) = self.table.chains.get(name) else { return Flow::Return };
        for rule in &chain.rules {
            let shown = || format!("-A {name} {rule}");
            let words = words_of(rule);
            let at = words.iter().position(|word| matches!(*word, "-j" | "-g")).unwrap_or(words.len());
            let holds = match all_hold(&words[..at], self.members, seen) {
                Ok(holds) => holds,
                Err(Unknown(part)) => return unknown(format!("{} ({part})", shown())),
            };
            if !holds || at == words.len() {
                continue;
            }
            let decided = |verdict| Flow::Decided(Outcome { verdict, rule: shown() });
            match &words[at + 1..] {
                ["ACCEPT", ..] => return decided(Verdict::Accept),
                ["DROP" | "REJECT", ..] => return decided(Verdict::Drop),
                ["RETURN", ..] => return Flow::Return,
                ["DNAT", "--to-destination", to, ..] => match end_of(to) {
                    Some((address, port)) => return decided(Verdict::Destination(address, port)),
                    None => return unknown(shown()),
                },
                ["SNAT", "--to-source", to, ..] => match end_of(to) {
                    Some((address, _)) => return decided(Verdict::Source(Some(address))),
                    None => return unknown(shown()),
                },
                ["MASQUERADE", ..] => return decided(Verdict::Source(None)),
                ["MARK", "--set-xmark", mark, ..] => match mark_of(mark) {
                    Some((value, mask)) => seen.mark = (seen.mark & !mask) ^ value,
                    None => return unknown(shown()),
                },
                ["CONNMARK", rest @ ..] => match connmark(rest, seen) {
                    Some(()) => {}
                    None => return unknown(shown()),
                },
                ["TCPMSS" | "NFLOG" | "LOG" | "CT" | "CHECKSUM" | "TTL" | "HL", ..] => {}
                [below, ..] if self.table.chains.contains_key(*below) => {
                    if deepest == 0 {
                        return unknown(shown());
                    }
                    match (self.walk(below, seen, deepest - 1), words[at]) {
                        (Flow::Decided(outcome), _) => return Flow::Decided(outcome),
                        (Flow::Return, "-g") => return Flow::Return,
                        (Flow::Return, _) => {}
                    }
                }
                _ => return unknown(shown()),
            }
        }
        Flow::Return
    }
}

fn unknown(rule: String) -> Flow {
    Flow::Decided(Outcome { verdict: Verdict::Unknown, rule })
}

fn connmark(words: &[&str], seen: &mut Seen) -> Option<()> {
    let masks = |words: &[&str]| -> Option<(u32, u32)> {
        match words {
            [] => Some((u32::MAX, u32::MAX)),
            ["--nfmask", nf, "--ctmask", ct] => Some((mark_of(nf)?.0, mark_of(ct)?.0)),
            ["--mask", mask] => Some((mark_of(mask)?.0, mark_of(mask)?.0)),
            _ => None,
        }
    };
    match words {
        ["--set-xmark", mark] => {
            let (value, mask) = mark_of(mark)?;
            seen.connmark = (seen.connmark & !mask) ^ value;
        }
        ["--save-mark", rest @ ..] => {
            let (nf, ct) = masks(rest)?;
            seen.connmark = (seen.connmark & !ct) ^ (seen.mark & nf);
        }
        ["--restore-mark", rest @ ..] => {
            let (nf, ct) = masks(rest)?;
            seen.mark = (seen.mark & !nf) ^ (seen.connmark & ct);
        }
        _ => return None,
    }
    Some(())
}

/// An address with or without a port: `10.0.0.5`, `10.0.0.5:80`, `10.0.0.5:1024-65535`, `[fd00::5]:80`, `fd00::5`.
fn end_of(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.parse() {
        return Some((address, None));
    }
    let (address, ports) = text.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some((address, ports.parse().ok()))
}

/// The words of a rule; what stands in quotes is one.
fn words_of(rule: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = rule.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use cumulet_model::packet::{Packet, Protocol};

    use super::*;
    use crate::firewall::parse::{ProtocolNames, parse};

    fn seen(to: u16) -> Seen {
        let protocol = Protocol::Tcp { source: 40000, destination: to };
        let packet = Packet {
            source: "10.0.0.4".parse().unwrap(),
            destination: "10.0.0.5".parse().unwrap(),
            protocol,
        };
        Seen {
            packet,
            input: "tap1".into(),
            output: "tap2".into(),
            mac: None,
            mark: 0,
            connmark: 0,
            state: "NEW",
            reply: false,
            dnat: false,
            snat: false,
        }
    }

    fn outcome(rules: &str, members: &Members, seen: &mut Seen) -> Outcome {
        let ruleset =
            parse(&format!("*filter\n:FORWARD DROP [0:0]\n{rules}COMMIT\n"), &ProtocolNames::default());
        Filter { table: &ruleset.tables["filter"], members }.chain("FORWARD", seen)
    }

    #[test]
    fn the_rule_that_decides_is_told_with_its_chain() {
        let rules = ":a - [0:0]\n-A FORWARD -m comment --comment \"to a\" -j a\n\
                     -A a -p tcp -m tcp --dport 80:90 -m set --match-set peers src -j ACCEPT\n";
        let peers = Members::from([("peers".to_owned(), Some(vec!["10.0.0.0/24".parse().unwrap()]))]);
        let accepted = outcome(rules, &peers, &mut seen(85));
        assert_eq!(accepted.verdict, Verdict::Accept);
        assert!(accepted.rule.starts_with("-A a -p tcp"), "{accepted:?}");
        let dropped = outcome(rules, &peers, &mut seen(91));
        assert_eq!(dropped, Outcome { verdict: Verdict::Drop, rule: "-P FORWARD DROP".into() });
    }

    #[test]
    fn marks_are_set_and_asked_for_and_a_goto_does_not_come_back() {
        let rules = ":m - [0:0]\n:g - [0:0]\n-A FORWARD -j m\n-A FORWARD -m mark ! --mark 0x100/0xfff00 -j DROP\n\
                     -A FORWARD -g g\n-A FORWARD -j ACCEPT\n-A m -j MARK --set-xmark 0x100/0xfff00\n";
        let mut packet = seen(80);
        packet.mark = 0x2;
        let outcome = outcome(rules, &Members::new(), &mut packet);
        assert_eq!((outcome.rule.as_str(), packet.mark), ("-P FORWARD DROP", 0x102));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let odd = "-A FORWARD -m time --timestart 08:00 -j ACCEPT\n";
        assert_eq!(outcome(odd, &Members::new(), &mut seen(80)).verdict, Verdict::Unknown);
        let unreached = "-A FORWARD -i other -m time --timestart 08:00 -j ACCEPT\n";
        assert_eq!(outcome(unreached, &Members::new(), &mut seen(80)).verdict, Verdict::Drop);
        let set = "-A FORWARD -m set --match-set gone src -j ACCEPT\n";
        assert_eq!(outcome(set, &Members::new(), &mut seen(80)).verdict, Verdict::Unknown);
    }

    #[test]
    fn translations_tell_their_addresses() {
        assert_eq!(end_of("10.0.0.5:80").unwrap(), ("10.0.0.5".parse().unwrap(), Some(80)));
        assert_eq!(end_of("198.18.0.5:1024-65535").unwrap(), ("198.18.0.5".parse().unwrap(), None));
        assert_eq!(end_of("fd00::5").unwrap(), ("fd00::5".parse().unwrap(), None));
        assert_eq!(end_of("[fd00::5]:80").unwrap(), ("fd00::5".parse().unwrap(), Some(80)));
    }
}
