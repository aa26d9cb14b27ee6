//! Becoming another machine: what a fork needs before its network opens, so that no two machines are the same one.

use serde::{Deserialize, Serialize};

use crate::net::{Cidr, Mac};

/// The most bytes of entropy.
pub const MAX_ENTROPY: usize = 1024;

/// Who the machine is from now on. What is left out stays as it is. Doing it twice is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The instance's id, for programs in the guest that act once per instance: they take the fork for an instance
    /// whose first boot is behind it, as is its source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The host name; of a name with dots the part before the first is the machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// `/etc/machine-id`: 32 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// Network interfaces with all their addresses and routes.
    #[serde(default)]
    pub interfaces: Vec<Interface>,
    /// sshd's host keys.
    #[serde(default)]
    pub host_keys: HostKeys,
    /// The wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<WallClock>,
    /// Random bytes for the kernel's generator, credited and put to use at once; at most [`MAX_ENTROPY`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entropy: Vec<u8>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The hardware address that it has from now on.
    pub mac: Mac,
    /// The one that the guest knows it by until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_mac: Option<Mac>,
    /// All its addresses but the link-local ones, with the length of their subnet's prefix.
    pub addresses: Vec<Cidr>,
    /// All its routes but those to the addresses' own subnets.
    pub routes: Vec<Route>,
}

/// A route by an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to; `0.0.0.0/0` is the default route.
    pub destination: Cidr,
    /// By whom; on the link itself where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<std::net::IpAddr>,
    /// Its metric; 100 and the interface's index where left out, as the DHCP client of the small image has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
}

/// What becomes of sshd's host keys.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeys {
    /// They stay.
    #[default]
    Keep,
    /// The guest makes new ones of the types that it has. Takes a while.
    Make,
    /// These and no others.
    Replace(Vec<HostKey>),
}

impl std::fmt::Debug for HostKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Keep => f.write_str("Keep"),
            Self::Make => f.write_str("Make"),
            Self::Replace(keys) => f.debug_tuple("Replace").field(keys).finish(),
        }
    }
}

/// A host key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKey {
    /// `ed25519`, `ecdsa` or `rsa`: the middle of the file's name.
    pub kind: String,
    /// The private key's file (OpenSSH's or PEM).
    pub private: String,
    /// The public key's line.
    pub public: String,
}

impl std::fmt::Debug for HostKey {
    /// The private half is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostKey")
            .field("kind", &self.kind)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// A time of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallClock {
    /// Seconds since 1970.
    pub seconds: i64,
    /// And nanoseconds, less than a thousand million.
    pub nanoseconds: u32,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityDone {
    /// The public host keys from now on, as lines; only where keys were replaced or made.
    #[serde(default)]
    pub host_keys: Vec<String>,
    /// What could not be done, a sentence each. Where there is any, the machine may be mistaken for another one.
    #[serde(default)]
    pub problems: Vec<String>,
}
