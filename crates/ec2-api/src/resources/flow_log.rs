//! A flow log as DescribeFlowLogs shows it.

use cumulet_engine::api::flow_log::DescribedFlowLog;
use cumulet_model::{CloudError, ErrorCode, FlowLogId};

use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// What EC2 calls a destination that is given by a log group's name.
const DESTINATION_TYPE: &str = "cloud-watch-logs";

/// How flow logs are described.
pub const KIND: Kind<DescribedFlowLog> = Kind {
    ids: Some(Ids {
        parameter: "FlowLogId",
        of: |described| described.log.id.to_string(),
        check: id_form::<FlowLogId>,
        not_found: ErrorCode::InvalidFlowLogIdNotFound,
        noun: "flow log ID",
    }),
    filters: &FilterTable {
        names: &[
            ("deliver-log-status", |f, _| one(delivery(f))),
            ("flow-log-id", |f, _| one(&f.log.id)),
            ("log-destination-type", |_, _| one(DESTINATION_TYPE)),
            ("log-group-name", |f, _| one(&f.log.destination)),
            ("resource-id", |f, _| one(f.log.resource.as_str())),
            ("traffic-type", |f, _| one(f.log.traffic.as_str())),
        ],
        absent: &[],
        tags: Some(|f| &f.log.tags),
    },
    page: Some((USUAL, |f| f.log.id.to_string())),
};

fn delivery(described: &DescribedFlowLog) -> &'static str {
    if described.status.failure.is_some() { "FAILED" } else { "SUCCESS" }
}

/// A flow log's fields.
pub fn xml(described: &DescribedFlowLog) -> Xml {
    let log = &described.log;
    // EC2 tells no more than that the error is unknown to it; here the cause is the host's own.
    let failure = described.status.failure.as_ref().map(|failure| format!("Unknown error: {failure}"));
    Xml::new()
        .time("creationTime", log.created)
        .maybe("deliverLogsErrorMessage", failure)
        .maybe("deliverLogsPermissionArn", log.role.as_deref())
        .text("deliverLogsStatus", delivery(described))
        .text("flowLogId", &log.id)
        .text("flowLogStatus", "ACTIVE")
        .text("logGroupName", &log.destination)
        .text("resourceId", log.resource.as_str())
        .text("trafficType", log.traffic.as_str())
        .text("logDestinationType", DESTINATION_TYPE)
        .text("logFormat", &log.format)
        .tags(&log.tags)
        .text("maxAggregationInterval", log.aggregation_seconds)
}

/// What an action says of one of several resources that it did nothing for.
pub fn unsuccessful(id: &str, refusal: &CloudError) -> Xml {
    let error = Xml::new().text("code", refusal.code).text("message", &refusal.message);
    Xml::new().node("error", error).text("resourceId", id)
}
