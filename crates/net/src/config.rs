//! What an installation's network is told once, at its start.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use cumulet_model::place::Region;
use cumulet_ports::network::DEFAULT_IPV6_POOL;
use ipnet::{Ipv4Net, Ipv6Net};

use crate::flow_logs::ArchiveConfig;

/// An installation's tag: 1 to 7 lower-case letters and digits, first a letter. Everything that the installation makes
/// on the host carries it, so that two installations don't meet and a teardown touches its own alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(String);

/// A text that is no tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no installation tag: expected 1 to 7 lower-case letters and digits, first a letter")]
pub struct MalformedTag(String);

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = MalformedTag;
    fn from_str(text: &str) -> Result<Self, MalformedTag> {
        let lettered = text.starts_with(|c: char| c.is_ascii_lowercase());
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if lettered && plain && text.len() <= 7 {
            Ok(Self(text.to_owned()))
        } else {
            Err(MalformedTag(text.chars().take(32).collect()))
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Configuration of [`crate::HostNetwork`].
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// The installation's tag.
    pub tag: Tag,
    /// Public addresses, /16 to /29. As in a subnet the first four and the last are not given out: the second is the
    /// host's own end of the link, the third the edge router's.
    pub public_pool: Ipv4Net,
    /// IPv6 addresses, a /48: a /56 of it for each VPC that has IPv6, but for the first, which is for the links between the
    /// host and the edge. One that the world routes to this host's is used as it is.
    pub ipv6_pool: Ipv6Net,
    /// Region, which names the DNS domains.
    pub region: Region,
    /// Networks around the host, or private ones behind it, that guests with a public address may reach. None by
    /// default: from a guest the host's LAN is not there, and the internet is.
    pub guest_networks: Vec<Ipv4Net>,
    /// Where DNS sends what it doesn't know; `None` means the name servers of the host's `/etc/resolv.conf`.
    pub resolvers: Option<Vec<SocketAddr>>,
    /// Whether the host is told public names, at its end of the link to the edge.
    pub dns_stub: bool,
    /// Ethernet payload size on guests' links, in bytes.
    pub mtu: u16,
    /// Where all installations of a host keep note of what they found there before they touched it, so that the last
    /// one to leave puts it back. Gone after a reboot, as is all that it speaks of.
    pub host_record: PathBuf,
    /// Where flow logs are kept.
    pub flow_logs: ArchiveConfig,
}

impl NetConfig {
    /// A configuration with the usual values: pool 198.18.0.0/24, host's resolvers, MTU 1500.
    pub fn new(tag: Tag, region: Region) -> Self {
        Self {
            tag,
            public_pool: Ipv4Net::new_assert(std::net::Ipv4Addr::new(198, 18, 0, 0), 24),
            ipv6_pool: DEFAULT_IPV6_POOL,
            region,
            guest_networks: Vec::new(),
            resolvers: None,
            dns_stub: true,
            mtu: 1500,
            host_record: PathBuf::from("/run/cumulet-host"),
            flow_logs: ArchiveConfig::new("/var/lib/cumulet/flow-logs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_short_and_plain() {
        assert!("cumulet".parse::<Tag>().is_ok());
        for text in ["", "toolongtag", "Upper", "a-b", "1st", "ä"] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }
}
