//! Thin wrappers of what the kernel and its tools offer: namespaces, taps, sysctls, netlink, programs.

pub mod command;
pub mod netns;
pub mod sysctl;
#[expect(unsafe_code, reason = "tap devices are configured by ioctls for which no safe wrapper exists")]
pub mod tap;

pub use netns::NetNs;
