//! Reading `iptables-save`.

use std::collections::HashMap;

use super::{Chain, Ruleset};

/// Protocols by the names that `iptables-save` prints for their numbers, as the host's `/etc/protocols` has them.
#[derive(Debug, Clone, Default)]
pub struct ProtocolNames(HashMap<String, u8>);

impl ProtocolNames {
    /// Reads the text of `/etc/protocols`; the names that iptables knows by itself are added.
    pub fn parse(text: &str) -> Self {
        let mut names: HashMap<String, u8> =
            [("esp", 50), ("ah", 51), ("sctp", 132), ("udplite", 136), ("ipv6-icmp", 58), ("ipv6-mh", 135)]
                .map(|(name, number)| (name.to_owned(), number))
                .into();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            if let (Some(name), Some(Ok(number))) = (words.next(), words.next().map(str::parse)) {
                names.insert(name.to_owned(), number);
            }
        }
        Self(names)
    }

    /// The names of this host.
    pub fn of_host() -> Self {
        Self::parse(&std::fs::read_to_string("/etc/protocols").unwrap_or_default())
    }

    /// The text that [`super::Rule`] writes for a protocol.
    fn canonical<'a>(&self, shown: &'a str) -> std::borrow::Cow<'a, str> {
        match (shown, self.0.get(shown)) {
            ("tcp" | "udp" | "icmp", _) | (_, None) => shown.into(),
            (_, Some(number)) => number.to_string().into(),
        }
    }
}

/// What `iptables-save` printed.
pub fn parse(text: &str, protocols: &ProtocolNames) -> Ruleset {
    let mut ruleset = Ruleset::default();
    let mut table = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            name.trim().clone_into(&mut table);
            ruleset.table(&table);
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_whitespace();
            if let (Some(name), Some(policy)) = (words.next(), words.next()) {
                let policy = (policy != "-").then(|| policy.to_owned());
                ruleset.table(&table).chains.insert(name.to_owned(), Chain { policy, rules: Vec::new() });
            }
        } else if let Some(rule) = line.strip_prefix("-A ") {
            let (chain, rule) = rule.split_once(' ').unwrap_or((rule, ""));
            ruleset.table(&table).chain(chain).rules.push(canonical(rule, protocols));
        }
    }
    ruleset
}

/// Some parts of a rule are printed differently by different versions of iptables; ours is one of the ways.
fn canonical(rule: &str, protocols: &ProtocolNames) -> String {
    let words: Vec<&str> = rule.split_whitespace().collect();
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        match at.checked_sub(1).map(|before| words[before]) {
            Some("-p") => out.push(protocols.canonical(word).into_owned()),
            Some("--mac-source") => out.push(word.to_ascii_lowercase()),
            _ => out.push((*word).to_owned()),
        }
    }
    out.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_iptables_prints_is_read_as_we_write_it() {
        let saved = "# Generated\n*filter\n:FORWARD DROP [0:0]\n:pass - [0:0]\n\
                     -A FORWARD -p gre -m mac --mac-source 02:AB:00:00:00:01 -j pass\n\
                     -A pass -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n";
        let protocols = ProtocolNames::parse("# numbers\ntcp 6 TCP\ngre 47 GRE # tunnel\n");
        let ruleset = parse(saved, &protocols);
        let filter = &ruleset.tables["filter"];
        assert_eq!(filter.chains["FORWARD"].policy.as_deref(), Some("DROP"));
        assert_eq!(filter.chains["FORWARD"].rules, ["-p 47 -m mac --mac-source 02:ab:00:00:00:01 -j pass"]);
        assert_eq!(filter.chains["pass"].policy, None);
        assert_eq!(filter.chains["pass"].rules, ["-p tcp -m tcp --dport 22 -j ACCEPT"]);
    }
}
