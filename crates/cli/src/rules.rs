//! Security-group rules as people write them: `tcp:22 from 0.0.0.0/0`, `udp:1000-2000 from web`, `icmp from self`,
//! `tcp:80,443 to anywhere`.
//!
//! ```text
//! rules   = { traffic } ("from" | "to") peer, again and again
//! traffic = "all" | ("tcp" | "udp") [":" ports] | "icmp" [":" type ["/" code]] | "proto:" number
//! ports   = port ["-" port], with commas between
//! peer    = "anywhere" | "self" | address | network | a group's name or id
//! ```

use std::net::Ipv4Addr;

use cumulet_client::types::security_group::{Direction, RuleSpec};
use ipnet::Ipv4Net;

/// The other end, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A network.
    Cidr(String),
    /// The group that the rule is for.
    Itself,
    /// A group by name or id.
    Group(String),
}

/// What traffic, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    protocol: String,
    ports: Option<(i32, i32)>,
}

/// A rule, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `from` is in, `to` is out.
    pub direction: Direction,
    /// What traffic.
    pub traffic: Traffic,
    /// The other end.
    pub peer: Peer,
}

/// Reads rules out of the words of a command line.
pub fn parse(words: &[String]) -> Result<Vec<Written>, String> {
    let mut rules = Vec::new();
    let mut traffic = Vec::new();
    let mut words = words.iter().flat_map(|word| word.split_whitespace());
    while let Some(word) = words.next() {
        let direction = match word {
            "from" => Direction::Ingress,
            "to" => Direction::Egress,
            _ => {
                traffic.extend(parse_traffic(word)?);
                continue;
            }
        };
        let peer = parse_peer(words.next().ok_or(format!("{word:?} needs somebody behind it"))?);
        if traffic.is_empty() {
            return Err(format!("what {word} {peer:?}? Say it before: tcp:22 {word} …"));
        }
        let new = traffic.drain(..).map(|traffic| Written { direction, traffic, peer: peer.clone() });
        rules.extend(new);
    }
    match traffic.first() {
        Some(traffic) => Err(format!("{} from or to whom? As in: tcp:22 from anywhere", traffic.protocol)),
        None if rules.is_empty() => Err("no rule was given; as in: tcp:22 from anywhere".into()),
        None => Ok(rules),
    }
}

fn parse_traffic(word: &str) -> Result<Vec<Traffic>, String> {
    let (protocol, detail) = match word.split_once(':') {
        Some((protocol, detail)) => (protocol.to_ascii_lowercase(), Some(detail)),
        None => (word.to_ascii_lowercase(), None),
    };
    let of = |protocol: &str, ports| Traffic { protocol: protocol.into(), ports };
    match (protocol.as_str(), detail) {
        ("all", None) => Ok(vec![of("all", None)]),
        (protocol @ ("tcp" | "udp"), None) => Ok(vec![of(protocol, Some((0, 65535)))]),
        (protocol @ ("tcp" | "udp"), Some(list)) => {
            list.split(',').map(|ports| Ok(of(protocol, Some(parse_ports(ports)?)))).collect()
        }
        ("icmp", None) => Ok(vec![of("icmp", Some((-1, -1)))]),
        ("icmp", Some(detail)) => {
            let (kind, code) =
                detail.split_once('/').map_or((detail, None), |(kind, code)| (kind, Some(code)));
            let byte = |text: &str| {
                text.parse::<u8>()
                    .map(i32::from)
                    .map_err(|_| format!("{text:?} is no ICMP type or code (0 to 255)"))
            };
            Ok(vec![of("icmp", Some((byte(kind)?, code.map_or(Ok(-1), byte)?)))])
        }
        ("proto", Some(number)) => match number.parse::<u8>() {
            Ok(number) => Ok(vec![of(&number.to_string(), None)]),
            Err(_) => Err(format!("{number:?} is no IP protocol's number (0 to 255)")),
        },
        _ => Err(format!("{word:?} is no traffic: expected all, tcp:PORTS, udp:PORTS, icmp or proto:NUMBER")),
    }
}

fn parse_ports(text: &str) -> Result<(i32, i32), String> {
    let port = |text: &str| {
        text.parse::<u16>().map(i32::from).map_err(|_| format!("{text:?} is no port (0 to 65535)"))
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if first > last {
        return Err(format!("{text:?}: the first port is above the last"));
    }
    Ok((first, last))
}

fn parse_peer(word: &str) -> Peer {
    match word {
        "anywhere" | "all" => Peer::Cidr("0.0.0.0/0".into()),
        "self" => Peer::Itself,
        word if word.parse::<Ipv4Addr>().is_ok() => Peer::Cidr(format!("{word}/32")),
        word if word.parse::<Ipv4Net>().is_ok() => Peer::Cidr(word.into()),
        word => Peer::Group(word.into()),
    }
}

impl Written {
    /// The rule for the wire, its group (if any) already known by id.
    pub fn spec(&self, group_id: Option<String>, description: Option<String>) -> RuleSpec {
        let (from_port, to_port) = self.traffic.ports.unzip();
        RuleSpec {
            protocol: self.traffic.protocol.clone(),
            from_port,
            to_port,
            cidr: match &self.peer {
                Peer::Cidr(cidr) => Some(cidr.clone()),
                _ => None,
            },
            group_id,
            description,
        }
    }
}

/// A rule in the form that [`parse`] reads; a group by `group_name` if it has one.
pub fn show(direction: Direction, spec: &RuleSpec, group_name: impl Fn(&str) -> Option<String>) -> String {
    let traffic = match (spec.protocol.as_str(), spec.from_port, spec.to_port) {
        ("all", _, _) => "all".to_owned(),
        ("icmp", None | Some(-1), _) => "icmp".to_owned(),
        ("icmp", Some(kind), None | Some(-1)) => format!("icmp:{kind}"),
        ("icmp", Some(kind), Some(code)) => format!("icmp:{kind}/{code}"),
        (protocol @ ("tcp" | "udp"), Some(0), Some(65535)) => protocol.to_owned(),
        (protocol @ ("tcp" | "udp"), Some(first), Some(last)) if first == last => {
            format!("{protocol}:{first}")
        }
        (protocol @ ("tcp" | "udp"), Some(first), Some(last)) => format!("{protocol}:{first}-{last}"),
        (protocol, _, _) => format!("proto:{protocol}"),
    };
    let word = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let peer = match (&spec.cidr, &spec.group_id) {
        (Some(cidr), _) => cidr.clone(),
        (None, Some(id)) => group_name(id).unwrap_or_else(|| id.clone()),
        (None, None) => "?".to_owned(),
    };
    format!("{traffic} {word} {peer}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn shown(text: &str) -> Vec<String> {
        let rules = parse(&words(text)).unwrap();
        rules
            .iter()
            .map(|rule| {
                let group = match &rule.peer {
                    Peer::Group(name) => Some(name.clone()),
                    Peer::Itself => Some("self".into()),
                    Peer::Cidr(_) => None,
                };
                show(rule.direction, &rule.spec(group, None), |_| None)
            })
            .collect()
    }

    #[test]
    fn rules_read_as_they_are_written() {
        assert_eq!(shown("tcp:22 from 0.0.0.0/0"), ["tcp:22 from 0.0.0.0/0"]);
        assert_eq!(shown("tcp:22 from anywhere"), ["tcp:22 from 0.0.0.0/0"]);
        assert_eq!(shown("udp:1000-2000 from web"), ["udp:1000-2000 from web"]);
        assert_eq!(shown("icmp:8 from self"), ["icmp:8 from self"]);
        assert_eq!(shown("proto:47 to 10.0.0.1"), ["proto:47 to 10.0.0.1/32"]);
        assert_eq!(
            shown("tcp:80,443 icmp from anywhere all to 10.0.0.0/8"),
            ["tcp:80 from 0.0.0.0/0", "tcp:443 from 0.0.0.0/0", "icmp from 0.0.0.0/0", "all to 10.0.0.0/8"]
        );
        assert_eq!(parse(&["tcp:22 from anywhere".into()]).unwrap().len(), 1, "quoted as one word");
    }

    #[test]
    fn what_is_amiss_is_named() {
        for (text, word) in [
            ("tcp:22", "whom"),
            ("from anywhere", "before"),
            ("tcp:22 from", "behind"),
            ("tcp:70000 from anywhere", "70000"),
            ("tcp:9-2 from anywhere", "above"),
            ("icmp:8/x from anywhere", "\"x\""),
            ("sctp:5 from anywhere", "sctp"),
            ("", "no rule"),
        ] {
            let error = parse(&words(text)).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(first: u16, last: u16, cidr: u32, len in 0u8..=32, out: bool, kind: u8) {
            let word = if out { "to" } else { "from" };
            let net = Ipv4Net::new(Ipv4Addr::from(cidr), len).unwrap();
            let (first, last) = (first.min(last), first.max(last));
            for traffic in [format!("tcp:{first}-{last}"), format!("icmp:{kind}"), format!("proto:{kind}")] {
                let once = shown(&format!("{traffic} {word} {net}"));
                prop_assert_eq!(shown(&once[0]), once);
            }
        }

        #[test]
        fn nothing_that_is_typed_makes_it_panic(text in "[a-z0-9:,/ .-]{0,40}") {
            let _ = parse(&words(&text));
        }
    }
}
