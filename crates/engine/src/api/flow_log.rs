//! Requests about flow logs.

use cumulet_model::flow_log::{FlowLog, FlowLogResource, FlowLogTraffic, LogFormat};
use cumulet_model::{CloudError, FlowLogId, Tags};
pub use cumulet_ports::network::{FlowLogLine, FlowLogStatus};
use serde::Serialize;

/// Flow logs to be made, one of each resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateFlowLogs {
    /// Whose traffic they record; all of one kind.
    pub resources: Vec<FlowLogResource>,
    /// Which traffic.
    pub traffic: FlowLogTraffic,
    /// The records' form.
    #[serde(serialize_with = "as_text")]
    pub format: LogFormat,
    /// The longest that packets are counted into one record, in seconds: 60 or 600.
    pub aggregation_seconds: u32,
    /// The caller's name for where the records go.
    pub destination: String,
    /// A role that the caller names.
    pub role: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}

fn as_text<S: serde::Serializer>(format: &LogFormat, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(format)
}

/// What was made, and for which resources nothing was and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MadeFlowLogs {
    /// The logs.
    pub made: Vec<FlowLogId>,
    /// Resources' ids with what is wrong.
    pub refused: Vec<(String, CloudError)>,
}

/// A flow log with what became of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedFlowLog {
    /// The log.
    pub log: FlowLog,
    /// What became of its records.
    pub status: FlowLogStatus,
}
