//! Flow logs on the wire.

use std::collections::BTreeMap;

use cumulet_api_types::flow_log as wire;
use cumulet_engine::api::flow_log::{CreateFlowLogs, DescribedFlowLog, FlowLogLine};
use cumulet_model::error::parse_id;
use cumulet_model::flow_log::{FlowLogResource, FlowLogTraffic, LogFormat};
use cumulet_model::{CloudError, ErrorCode};

/// What the destination is called of a log that is made here.
const DESTINATION: &str = "local";
/// EC2's usual interval, in seconds.
const USUAL_INTERVAL: u32 = 600;

pub(crate) fn flow_log_to(described: DescribedFlowLog) -> wire::FlowLog {
    let DescribedFlowLog { log, status } = described;
    wire::FlowLog {
        id: log.id.into(),
        resource_id: log.resource.as_str().to_owned(),
        vpc_id: log.vpc_id.into(),
        traffic: match log.traffic {
            FlowLogTraffic::Accept => wire::FlowLogTraffic::Accept,
            FlowLogTraffic::Reject => wire::FlowLogTraffic::Reject,
            FlowLogTraffic::All => wire::FlowLogTraffic::All,
        },
        fields: log.format.fields().iter().map(|field| field.as_str().to_owned()).collect(),
        aggregation_seconds: log.aggregation_seconds,
        created: log.created,
        directory: status.dir.to_string_lossy().into_owned(),
        counts: wire::FlowLogCounts {
            records: status.records,
            skipped_packets: status.skipped_packets,
            lost_messages: status.lost_messages,
            lost_records: status.lost_records,
            cut_off: status.cut_off,
        },
        failure: status.failure,
        tags: log.tags,
    }
}

pub(crate) fn create_from(request: wire::CreateFlowLog) -> Result<CreateFlowLogs, CloudError> {
    let wrong = |error: cumulet_model::flow_log::FormatError| {
        CloudError::new(ErrorCode::InvalidParameter, error.to_string())
    };
    Ok(CreateFlowLogs {
        resources: vec![resource_from(&request.resource_id)?],
        traffic: match request.traffic {
            wire::FlowLogTraffic::Accept => FlowLogTraffic::Accept,
            wire::FlowLogTraffic::Reject => FlowLogTraffic::Reject,
            wire::FlowLogTraffic::All => FlowLogTraffic::All,
        },
        format: request.format.map_or(Ok(LogFormat::default()), |text| text.parse()).map_err(wrong)?,
        aggregation_seconds: request.aggregation_seconds.unwrap_or(USUAL_INTERVAL),
        destination: DESTINATION.to_owned(),
        role: None,
        tags: request.tags,
        client_token: request.client_token,
    })
}

/// A VPC, subnet or interface, told by its id's prefix.
fn resource_from(id: &str) -> Result<FlowLogResource, CloudError> {
    match id.split('-').next() {
        Some("vpc") => parse_id(id).map(FlowLogResource::Vpc),
        Some("subnet") => parse_id(id).map(FlowLogResource::Subnet),
        Some("eni") => parse_id(id).map(FlowLogResource::Interface),
        _ => Err(CloudError::invalid_value(
            "resource_id: expected the id of a VPC, subnet or network interface",
        )),
    }
}

/// A line of the answer, with its end. `fields` names a record's values in order.
pub(crate) fn line_to(line: FlowLogLine, fields: &[String]) -> Vec<u8> {
    let line = match line {
        FlowLogLine::Record(text) => {
            let values = text.split(' ').map(str::to_owned);
            wire::RecordLine::Record(fields.iter().cloned().zip(values).collect::<BTreeMap<_, _>>())
        }
        FlowLogLine::Gap => wire::RecordLine::Gap {},
        FlowLogLine::Failed(why) => wire::RecordLine::Failed(why),
    };
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_object_of_one_word() {
        let fields = ["srcaddr".to_owned(), "action".to_owned()];
        let text = |line| String::from_utf8(line_to(line, &fields)).unwrap();
        let record = FlowLogLine::Record("10.0.0.1 ACCEPT".into());
        assert_eq!(text(record), "{\"record\":{\"action\":\"ACCEPT\",\"srcaddr\":\"10.0.0.1\"}}\n");
        assert_eq!(text(FlowLogLine::Gap), "{\"gap\":{}}\n");
        assert_eq!(text(FlowLogLine::Failed("no".into())), "{\"failed\":\"no\"}\n");
    }

    #[test]
    fn only_networks_have_flow_logs() {
        assert!(resource_from("eni-00000000000000001").is_ok());
        assert!(resource_from("i-00000000000000001").unwrap_err().message.contains("resource_id"));
    }
}
