//! Thin wrappers of what the kernel and its tools offer: namespaces, taps, sysctls, netlink, programs.

pub mod accounting;
pub mod command;
pub mod conntrack;
pub mod ipset;
mod netfilter;
pub mod netns;
pub mod nflog;
#[expect(unsafe_code, reason = "some calls about sockets have no safe wrapper")]
pub mod socket;
pub mod sysctl;
#[expect(unsafe_code, reason = "tap devices are configured by ioctls for which no safe wrapper exists")]
pub mod tap;

pub use netns::NetNs;

/// The programs that the network runs, each with the Debian package that has it.
pub const TOOLS: [(&str, &str); 5] = [
    ("iptables-restore", "iptables"),
    ("iptables-save", "iptables"),
    ("ip6tables-restore", "iptables"),
    ("ip6tables-save", "iptables"),
    ("ipset", "ipset"),
];
