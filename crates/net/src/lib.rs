//! A VPC on Linux: its router is a network namespace with one tap per network interface.
//!
//! [`HostNetwork`] implements [`cumulet_ports::Network`]: it takes the desired state of all VPCs and makes the kernel
//! so. What is wanted is computed purely ([`plan`], [`firewall`]), compared with what the kernel has ([`l3`],
//! [`ipset`]) and only the difference is applied ([`reconcile`]). Everything it makes outlives the daemon, but the
//! answers of DHCP and DNS, which come from tasks of the daemon ([`dhcp`], [`dns`]).
//!
//! ```text
//!   guest A   guest B          namespace TAG-vpc-XXXXXXXX                TAG-edge            host
//!      |         |      tapA, tapB: /32 routes, proxy ARP          vpcXXXXXXXX  host     TAG-edge
//!      `---------`----- router .1, DNS .2, metadata  --- igw ----------'         `-----------'
//!                       groups in FORWARD, 1:1 NAT at igw        public /32 routes    pool route, masquerade
//! ```
//!
//! What holds:
//! - A rule or membership that changes is a change of one chain or set; a chain or set that is as desired is not touched.
//! - While a change is under way nothing is allowed that neither the old nor the new state allows.
//! - Security groups are stateful as EC2's: a tracked connection goes on when its rule is revoked, an untracked one is cut
//!   at once ([`firewall::untracked`]). Each ends when an interface goes or loses the address that the connection is by.
//! - An address has a bounded number of connections, so that no guest fills the table that all share.
//! - What comes in by a tap is judged frame by frame before anything else: its own Ethernet address and addresses, ARP,
//!   IPv4 and IPv6 ([`l3::Door`]).
//! - Guests reach DHCP, DNS, metadata and the router's ping whatever their groups say, and nothing else of the host.
//! - Only an interface with a public address reaches the world or is reached from it; the host masks it with its own.
//!   The host's LAN is not of that world unless it is said to be ([`NetConfig::guest_networks`]).
//! - Foreign links, routes and rules on the host are left alone. Ours are known by the installation's tag, and routes by
//!   their protocol number ([`l3::ROUTE_PROTOCOL`]).
//! - A tap that somebody deletes is made again for the VMM that has it open. That of a VMM which another daemon started
//!   is made for its next start; until then it is cut off, as is one whose namespace went while no daemon ran.
#![deny(unsafe_code)]

pub mod advertise;
pub mod config;
pub mod dhcp;
pub mod dhcpv6;
pub mod dns;
pub mod error;
pub mod explain;
pub mod family;
pub mod firewall;
pub mod flow_logs;
mod handed_out;
pub mod ipset;
mod known;
pub mod l3;
pub mod names;
mod network;
pub mod plan;
pub mod reconcile;
pub mod services;
pub mod sys;

pub use config::{NetConfig, Tag};
pub use cumulet_ports::network::DEFAULT_IPV6_POOL;
pub use error::NetError;
pub use network::HostNetwork;
