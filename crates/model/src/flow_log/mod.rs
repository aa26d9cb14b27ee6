//! Flow logs: which traffic of what is recorded, and in which form (VPC guide, "Flow log records").

mod field;
mod format;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use field::Field;
pub use format::{FormatError, LogFormat};

use crate::{FlowLogId, InterfaceId, SubnetId, Tags, VpcId};

/// A flow log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLog {
    /// Id; names its files.
    pub id: FlowLogId,
    /// Whose traffic it records.
    pub resource: FlowLogResource,
    /// The VPC that this belongs to.
    pub vpc_id: VpcId,
    /// Which traffic it records.
    pub traffic: FlowLogTraffic,
    /// The record's fields in order.
    pub format: LogFormat,
    /// The longest that packets are counted into one record, in seconds.
    pub aggregation_seconds: u32,
    /// The name that its maker gave to where the records go.
    pub destination: String,
    /// The role that its maker named; it has no meaning here.
    pub role: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Tags.
    pub tags: Tags,
}

/// Whose traffic a flow log records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FlowLogResource {
    /// All interfaces of a VPC.
    Vpc(VpcId),
    /// All interfaces of a subnet.
    Subnet(SubnetId),
    /// One interface.
    Interface(InterfaceId),
}

impl FlowLogResource {
    /// The resource's id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Vpc(id) => id.as_str(),
            Self::Subnet(id) => id.as_str(),
            Self::Interface(id) => id.as_str(),
        }
    }

    /// EC2's word for the kind of resource.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Vpc(_) => "VPC",
            Self::Subnet(_) => "Subnet",
            Self::Interface(_) => "NetworkInterface",
        }
    }
}

/// Which traffic a flow log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowLogTraffic {
    /// What was let through.
    Accept,
    /// What groups or ACLs refused.
    Reject,
    /// Both.
    All,
}

impl FlowLogTraffic {
    /// All of them with EC2's words.
    pub const ALL: [(&str, Self); 3] =
        [("ACCEPT", Self::Accept), ("REJECT", Self::Reject), ("ALL", Self::All)];

    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("ALL", |(word, _)| word)
    }

    /// Whether traffic that was let through is recorded.
    pub fn accepted(self) -> bool {
        self != Self::Reject
    }

    /// Whether traffic that was refused is recorded.
    pub fn refused(self) -> bool {
        self != Self::Accept
    }
}
