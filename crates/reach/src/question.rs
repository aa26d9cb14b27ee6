//! What is asked.

use std::net::IpAddr;

use cumulet_model::security::PortRange;
use cumulet_model::{InstanceId, InterfaceId, VpcId};
use ipnet::IpNet;

/// A question: does this traffic get from here to there?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Where it begins.
    pub source: Endpoint,
    /// Where it shall get; `None` is anywhere that the addresses of the sieves lead.
    pub destination: Option<Endpoint>,
    /// What traffic.
    pub asked: Asked,
    /// What the packet must be like when it leaves the source.
    pub at_source: Sieve,
    /// What it must be like when it reaches the destination.
    pub at_destination: Sieve,
}

/// One end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Any interface of an instance.
    Instance(InstanceId),
    /// An interface.
    Interface(InterfaceId),
    /// The world behind a VPC's internet gateway.
    InternetGateway(VpcId),
    /// Whoever has an address: as a source it is an interface's if one has it, else the world's.
    Address(IpAddr),
}

/// What traffic a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// An echo request.
    Ping,
    /// ICMP, of the family that the addresses are.
    Icmp {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
    },
    /// Another protocol, by its number.
    Other(u8),
}

/// What a packet must be like; what is not said may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sieve {
    /// Source address.
    pub source: Option<IpAddr>,
    /// Source ports.
    pub source_ports: Option<PortRange>,
    /// Destination address.
    pub destination: Option<IpAddr>,
    /// Destination ports.
    pub destination_ports: Option<PortRange>,
}

/// What lies outside of all VPCs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outside {
    /// Where public addresses are from: one that nobody has leads nowhere.
    pub pools: Vec<IpNet>,
    /// Networks that the host does not let guests into, such as its LAN, beside those that are never the internet.
    pub refused: Vec<IpNet>,
    /// Networks that it lets them into all the same.
    pub allowed: Vec<IpNet>,
}
