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
#![deny(unsafe_code)]

pub mod config;
pub mod dhcp;
pub mod dns;
pub mod error;
pub mod firewall;
pub mod ipset;
pub mod l3;
pub mod names;
mod network;
pub mod plan;
pub mod reconcile;
pub mod services;
pub mod sys;

pub use config::{NetConfig, Tag};
pub use error::NetError;
pub use network::HostNetwork;
