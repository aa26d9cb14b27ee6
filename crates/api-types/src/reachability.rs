//! Whether traffic gets from here to there, which way, and what stops it.

use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AskReachability {
    /// The id of an instance, an interface, an internet gateway or a VPC (for its internet gateway), or an address.
    pub source: String,
    /// The same.
    pub destination: String,
    /// `tcp` (the default), `udp`, `icmp` for a ping, or a protocol's number.
    #[serde(default)]
    pub protocol: Option<String>,
    /// Destination port; without one, any that gets through.
    #[serde(default)]
    pub port: Option<u16>,
    /// The address that the source sends from; without one, any of its own.
    #[serde(default)]
    pub source_address: Option<String>,
    /// The address that it sends to; without one, any of the destination's.
    #[serde(default)]
    pub destination_address: Option<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReachabilityAnswer {
    /// Whether it gets there, and its answer back.
    pub reachable: bool,
    /// The packet that was followed.
    pub packet: Option<String>,
    /// Hops there.
    pub forward: Vec<ReachabilityHop>,
    /// Hops of the answer.
    pub back: Vec<ReachabilityHop>,
    /// What stops it.
    pub reasons: Vec<ReachabilityReason>,
    /// Ids of components by which there may be another way.
    pub hints: Vec<String>,
    /// What is worth knowing of the way.
    pub warnings: Vec<String>,
    /// What the kernel's rules and routes do with the packet, where that can be told.
    pub kernel: Option<KernelVerdict>,
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReachabilityHop {
    /// Kind of the component, by EC2's resource type.
    pub kind: String,
    /// Its id; an address outside; a service's name.
    pub id: String,
    /// The packet as it comes.
    pub inbound: Option<String>,
    /// The packet as it goes.
    pub outbound: Option<String>,
    /// The rule, entry or route that decided.
    pub rule: Option<String>,
}

/// One reason why it is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReachabilityReason {
    /// EC2's explanation code.
    pub code: String,
    /// Kind of the component.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Whether it is the answer that is stopped.
    pub answer: bool,
    /// The very rule.
    pub rule: Option<String>,
    /// The reason in a sentence.
    pub text: String,
    /// How it could be mended.
    pub remedy: String,
}

/// What the kernel does with the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KernelVerdict {
    /// `passes`, `stops` or `unknown`.
    pub verdict: String,
    /// Whether that is what the desired network says.
    pub agrees: Option<bool>,
    /// Namespace, chain and rule that decided, if it does not pass.
    pub decided: Option<String>,
}
