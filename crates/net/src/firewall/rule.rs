//! One rule, written in the order in which `iptables-save` prints its parts.

use std::fmt;

use cumulet_model::MacAddr;
use ipnet::IpNet;

use crate::family::{Block, Family};

/// A rule without its chain.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    source: Option<String>,
    destination: Option<String>,
    input: Option<String>,
    output: Option<String>,
    protocol: Option<String>,
    matches: Vec<String>,
    target: String,
}

impl Rule {
    /// A rule that jumps to a chain or target, such as `ACCEPT` or `DNAT --to-destination 10.0.0.5`.
    pub fn jump(target: impl fmt::Display) -> Self {
        Self { target: format!("-j {target}"), ..Self::default() }
    }

    /// A rule that goes on in a chain whose end returns to this chain's caller.
    pub fn go(chain: impl fmt::Display) -> Self {
        Self { target: format!("-g {chain}"), ..Self::default() }
    }

    /// Only packets from `net`.
    pub fn from(mut self, net: impl Block) -> Self {
        self.source = address(net.block());
        self
    }

    /// Only packets to `net`.
    pub fn to(mut self, net: impl Block) -> Self {
        self.destination = address(net.block());
        self
    }

    /// Only packets whose source has these bits under the mask.
    pub fn from_masked(mut self, family: Family, bits: u128, mask: u128) -> Self {
        self.source = Some(masked(family, bits, mask));
        self
    }

    /// Only packets whose destination has these bits under the mask.
    pub fn to_masked(mut self, family: Family, bits: u128, mask: u128) -> Self {
        self.destination = Some(masked(family, bits, mask));
        self
    }

    /// Only packets that came in by a link; a name that ends in `+` means all that begin so.
    pub fn input(mut self, link: impl Into<String>) -> Self {
        self.input = Some(format!("-i {}", link.into()));
        self
    }

    /// Only packets that did not come in by a link.
    pub fn not_input(mut self, link: impl fmt::Display) -> Self {
        self.input = Some(format!("! -i {link}"));
        self
    }

    /// Only packets that go out by a link.
    pub fn output(mut self, link: impl Into<String>) -> Self {
        self.output = Some(format!("-o {}", link.into()));
        self
    }

    /// Only packets that do not go out by a link.
    pub fn not_output(mut self, link: impl fmt::Display) -> Self {
        self.output = Some(format!("! -o {link}"));
        self
    }

    /// Only packets of a protocol, by its name (`tcp`, `udp`, `icmp`) or number.
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// A further match as `iptables-save` prints it, such as `-m tcp --dport 22`.
    pub fn matching(mut self, text: impl Into<String>) -> Self {
        self.matches.push(text.into());
        self
    }

    /// Only packets from or to (`src`, `dst`) a member of a set.
    pub fn in_set(self, set: &str, end: &str) -> Self {
        self.matching(format!("-m set --match-set {set} {end}"))
    }

    /// Only TCP or UDP packets to a port.
    pub fn port(self, protocol: &str, port: u16) -> Self {
        self.protocol(protocol).matching(format!("-m {protocol} --dport {port}"))
    }

    /// Only packets with this mark, written `VALUE/MASK`.
    pub fn marked(self, mark: &str) -> Self {
        self.matching(format!("-m mark --mark {mark}"))
    }

    /// Only packets without this mark.
    pub fn not_marked(self, mark: &str) -> Self {
        self.matching(format!("-m mark ! --mark {mark}"))
    }

    /// Only packets of connections in these states, such as `RELATED,ESTABLISHED`.
    pub fn state(self, states: &str) -> Self {
        self.matching(format!("-m conntrack --ctstate {states}"))
    }

    /// Only frames from an Ethernet address.
    pub fn mac(self, mac: MacAddr) -> Self {
        self.matching(format!("-m mac --mac-source {mac}"))
    }

    /// A note for people; no quotes in it.
    pub fn comment(self, text: &str) -> Self {
        self.matching(format!("-m comment --comment \"{text}\""))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = [("-s ", &self.source), ("-d ", &self.destination)];
        for (option, value) in ends {
            if let Some(value) = value {
                write!(f, "{option}{value} ")?;
            }
        }
        let links = [&self.input, &self.output].into_iter().flatten();
        for text in links {
            f.write_str(text)?;
            f.write_str(" ")?;
        }
        if let Some(protocol) = &self.protocol {
            write!(f, "-p {protocol} ")?;
        }
        for text in &self.matches {
            f.write_str(text)?;
            f.write_str(" ")?;
        }
        f.write_str(&self.target)
    }
}

/// `None` for all addresses, which `iptables-save` leaves out.
fn address(net: IpNet) -> Option<String> {
    (net.prefix_len() > 0).then(|| net.trunc().to_string())
}

fn masked(family: Family, bits: u128, mask: u128) -> String {
    format!("{}/{}", family.address(bits & mask), family.address(mask))
}
