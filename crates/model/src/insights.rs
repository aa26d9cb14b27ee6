//! Network insights: paths that somebody asks about, and what analyses of them found (Reachability Analyzer guide).
//! Findings are kept as they were told; the network may have changed since.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::packet::Packet;
use crate::security::{PortRange, RuleSpec, Traffic};
use crate::{GroupId, InsightsAnalysisId, InsightsPathId, Tags};

/// A path: from where to where, with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsightsPath {
    /// Id.
    pub id: InsightsPathId,
    /// When it was made.
    pub created: Timestamp,
    /// What is asked.
    pub ask: PathAsk,
    /// Tags.
    pub tags: Tags,
}

/// What a path asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathAsk {
    /// Source: the id of an instance, an interface, an internet gateway or a VPC (which stands for its gateway), or an
    /// address.
    pub source: String,
    /// Destination, likewise; without one the destination address decides.
    pub destination: Option<String>,
    /// `tcp`, `udp`, `icmp` (an echo request), or a protocol's number.
    pub protocol: String,
    /// What it must be like at the source.
    pub at_source: PathFilter,
    /// What it must be like at the destination.
    pub at_destination: PathFilter,
}

/// What a packet must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PathFilter {
    /// Source address.
    pub source: Option<IpAddr>,
    /// Source ports.
    pub source_ports: Option<PortRange>,
    /// Destination address.
    pub destination: Option<IpAddr>,
    /// Destination ports.
    pub destination_ports: Option<PortRange>,
}

/// An analysis of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsightsAnalysis {
    /// Id.
    pub id: InsightsAnalysisId,
    /// The path.
    pub path_id: InsightsPathId,
    /// When it was begun; it ends at once.
    pub started: Timestamp,
    /// Resources that a way must come through, by ARN.
    pub through: Vec<String>,
    /// Resources that it must not come through.
    pub not_through: Vec<String>,
    /// What was found.
    pub findings: Findings,
    /// Tags.
    pub tags: Tags,
}

/// What an analysis found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Findings {
    /// Whether there is a way, there and back.
    pub reachable: bool,
    /// The packet that was followed.
    pub packet: Option<Packet>,
    /// Hops there.
    pub forward: Vec<FoundHop>,
    /// Hops of the answer.
    pub back: Vec<FoundHop>,
    /// What stops it.
    pub explanations: Vec<FoundReason>,
    /// Where there may be another way.
    pub hints: Vec<Part>,
    /// What is worth knowing of the way.
    pub warnings: Vec<String>,
    /// What the kernel does.
    pub kernel: Option<KernelFinding>,
}

/// A part of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its resource type by EC2's name, or `address` and `service` for what is none.
    pub kind: String,
    /// Its id; an address; a service's name.
    pub id: String,
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundHop {
    /// Where.
    pub part: Part,
    /// VPC.
    pub vpc: Option<String>,
    /// Subnet.
    pub subnet: Option<String>,
    /// The packet as it comes.
    pub inbound: Option<Packet>,
    /// As it goes.
    pub outbound: Option<Packet>,
    /// What decided.
    pub rule: Option<FoundRule>,
}

/// What decided at a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundRule {
    /// A rule of a security group.
    Group {
        /// The group.
        group: GroupId,
        /// Whether it is about what goes out.
        egress: bool,
        /// The rule.
        rule: RuleSpec,
    },
    /// An entry of a network ACL.
    Acl {
        /// Its number; 32767 for the last one, which denies all.
        number: u16,
        /// Whether it is about what goes out.
        egress: bool,
        /// Whether it allows.
        allow: bool,
        /// What traffic.
        traffic: Traffic,
        /// The other end.
        cidr: IpNet,
    },
    /// A route.
    Route {
        /// Its destination.
        to: IpNet,
        /// Its target: a gateway's or interface's id, `local`, or nothing.
        target: Option<String>,
        /// Whether it is active; else it is a blackhole.
        active: bool,
    },
}

/// One reason why it is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundReason {
    /// EC2's explanation code.
    pub code: String,
    /// What stops it.
    pub part: Part,
    /// Whether it is the answer that is stopped.
    pub answer: bool,
    /// Which direction's rules.
    pub egress: Option<bool>,
    /// VPC.
    pub vpc: Option<String>,
    /// Subnet.
    pub subnet: Option<String>,
    /// Interface.
    pub interface: Option<String>,
    /// Groups none of whose rules apply.
    pub groups: Vec<GroupId>,
    /// The very rule.
    pub rule: Option<FoundRule>,
    /// The packet as it was then.
    pub packet: Option<Packet>,
    /// The reason in a sentence.
    pub text: String,
    /// How it could be mended.
    pub remedy: String,
}

/// What the kernel does with the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFinding {
    /// `passes`, `stops` or `unknown`.
    pub verdict: String,
    /// Whether that is what the analysis says.
    pub agrees: Option<bool>,
    /// The namespace, place and rule that decided, if it does not pass.
    pub decided: Option<String>,
}
