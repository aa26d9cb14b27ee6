//! A packet's way through what the kernel really holds, as far as that can be told without sending it.
//!
//! Between two guests that forward, a way is several legs: each begins where somebody sends and ends where somebody
//! receives. The answer's legs follow those of what it answers, as connections are tracked.

use cumulet_model::packet::Packet;
use cumulet_model::{InterfaceId, MacAddr, VpcId};

/// One leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Where it begins.
    pub from: LegStart,
    /// The packet as it is sent.
    pub packet: Packet,
}

/// Where a leg begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegStart {
    /// At a guest.
    Interface {
        /// Its VPC.
        vpc: VpcId,
        /// Its interface.
        id: InterfaceId,
        /// Its Ethernet address.
        mac: MacAddr,
    },
    /// Outside of the host, or at the host itself if the source is its own.
    Outside,
}

/// Where a leg was walked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// What decided at each place that the packet came through, in order.
    pub steps: Vec<Step>,
    /// Where it ended.
    pub end: LegEnd,
    /// The packet as it was then.
    pub packet: Packet,
}

/// What one place decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The namespace.
    pub namespace: String,
    /// The table and chain, such as `filter/FORWARD`, or `route`.
    pub place: String,
    /// The rule that decided, as the kernel's tools show it, with the chain that it stands in; or the route.
    pub rule: String,
}

/// Where a leg ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEnd {
    /// At the interface's tap.
    Interface(InterfaceId),
    /// At the VPC's router.
    Router,
    /// Outside of the host.
    Outside,
    /// At another place: a link that is nobody's, or the host itself.
    Elsewhere(String),
    /// Dropped, by the last step.
    Dropped,
    /// The last step's rule has a part that can't be told without sending the packet.
    Unknown,
}
