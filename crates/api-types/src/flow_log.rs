//! Flow logs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which traffic a flow log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FlowLogTraffic {
    /// What was let through.
    Accept,
    /// What groups or ACLs refused.
    Reject,
    /// Both.
    #[default]
    All,
}

/// A flow log to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateFlowLog {
    /// The VPC, subnet or interface whose traffic it records.
    pub resource_id: String,
    /// Which traffic; all when not given.
    #[serde(default)]
    pub traffic: FlowLogTraffic,
    /// The records' fields as EC2 writes them, `${srcaddr} ${dstaddr}`; those of version 2 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The longest that packets are counted into one record, in seconds: 60, or 600 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation_seconds: Option<u32>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Makes the request idempotent: the same token and parameters give the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

/// A flow log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowLog {
    /// Id: `fl-…`.
    pub id: String,
    /// Whose traffic it records.
    pub resource_id: String,
    /// The VPC that this belongs to.
    pub vpc_id: String,
    /// Which traffic.
    pub traffic: FlowLogTraffic,
    /// The records' fields, in order.
    pub fields: Vec<String>,
    /// The longest that packets are counted into one record, in seconds.
    pub aggregation_seconds: u32,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created: Timestamp,
    /// The directory on the host that the records' files are in.
    pub directory: String,
    /// What became of the traffic.
    pub counts: FlowLogCounts,
    /// Why records can't be written, if they can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// What became of the traffic that a flow log is of, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowLogCounts {
    /// Records that were written.
    pub records: u64,
    /// Packets for whose flows there was no room in their interval.
    pub skipped_packets: u64,
    /// What the kernel had to tell and came too fast: ended connections and refused packets.
    pub lost_messages: u64,
    /// Records that could not be written.
    pub lost_records: u64,
    /// Intervals that a daemon's end cut off.
    pub cut_off: u64,
}

/// A list of flow logs, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowLogList {
    /// They.
    pub flow_logs: Vec<FlowLog>,
}

/// Which records of a flow log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct RecordsQuery {
    /// So many of the last ones, at most 10,000; 100 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<usize>,
    /// Whether those that come are given too, until the log is deleted or the caller hangs up.
    #[serde(default)]
    pub follow: bool,
}

/// A line of the answer: a record, or why one is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RecordLine {
    /// A record: its fields' values by their names; `-` where there is none.
    Record(BTreeMap<String, String>),
    /// Records were removed before they could be given.
    Gap {},
    /// The log can't be read; nothing comes after it.
    Failed(String),
}
