//! CreateFlowLogs: a flow log of each of some resources. What is wrong with one of them is told beside what was made.
//!
//! Records go to files of the host, whatever the destination is called; a destination that would be elsewhere is refused.

use cumulet_engine::api::flow_log::CreateFlowLogs;
use cumulet_model::error::parse_id;
use cumulet_model::flow_log::{FlowLogResource, FlowLogTraffic, LogFormat};
use cumulet_model::{CloudError, ErrorCode};

use crate::call::{Answer, Call};
use crate::query::{Params, shorten};
use crate::resources::flow_log::unsuccessful;
use crate::tags::tags_for;
use crate::xml::Xml;

/// The name of a destination that is this host.
const LOCAL: &str = "local";
/// EC2's greatest number of resources, and its longest names of destinations.
const MOST_RESOURCES: usize = 1000;
const LONGEST_NAME: usize = 512;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["DeliverCrossAccountRole", "DestinationOptions"])?;
    let role = params.text("DeliverLogsPermissionArn").map(str::to_owned);
    if role.is_some() {
        call.warn("DeliverLogsPermissionArn: this cloud has no roles, and its flow logs need none");
    }
    let request = CreateFlowLogs {
        resources: resources(&params)?,
        traffic: params
            .word::<FlowLogTraffic>("TrafficType", &FlowLogTraffic::ALL)?
            .ok_or_else(|| CloudError::missing("TrafficType"))?,
        format: format(&params)?,
        aggregation_seconds: params.number("MaxAggregationInterval")?.unwrap_or(600),
        destination: destination(&params)?,
        role,
        tags: tags_for(&params, "vpc-flow-log")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.check_dry_run()?;
    let token = request.client_token.clone();
    let made = call.cloud.create_flow_logs(request).await?;
    Ok(Xml::new()
        .maybe("clientToken", token)
        .texts("flowLogIdSet", made.made)
        .list("unsuccessful", made.refused.iter().map(|(id, refusal)| unsuccessful(id, refusal))))
}

fn resources(params: &Params<'_>) -> Result<Vec<FlowLogResource>, CloudError> {
    type Read = fn(&str) -> Result<FlowLogResource, CloudError>;
    let kinds: [(&str, Read); 3] = [
        ("VPC", |id| parse_id(id).map(FlowLogResource::Vpc)),
        ("Subnet", |id| parse_id(id).map(FlowLogResource::Subnet)),
        ("NetworkInterface", |id| parse_id(id).map(FlowLogResource::Interface)),
    ];
    let read = params.word("ResourceType", &kinds)?.ok_or_else(|| CloudError::missing("ResourceType"))?;
    let ids = params.texts("ResourceId")?;
    match ids.len() {
        0 => Err(CloudError::missing("ResourceId")),
        1..=MOST_RESOURCES => ids.into_iter().map(read).collect(),
        _ => Err(CloudError::invalid_value(format!("ResourceId: at most {MOST_RESOURCES} can be given"))),
    }
}

fn format(params: &Params<'_>) -> Result<LogFormat, CloudError> {
    let Some(text) = params.text("LogFormat") else { return Ok(LogFormat::default()) };
    let wrong = |error: cumulet_model::flow_log::FormatError| {
        CloudError::new(ErrorCode::InvalidParameter, error.to_string())
    };
    text.parse().map_err(wrong)
}

/// The name of the destination: `local`, or what begins with `local/`.
fn destination(params: &Params<'_>) -> Result<String, CloudError> {
    let elsewhere = |name: &str, value: &str| {
        let rule = "flow logs of this cloud are files of its host: leave LogDestinationType, LogDestination and \
                    LogGroupName out, or call the log group \"local\" or \"local/NAME\"";
        params.invalid(name, value, rule)
    };
    if let Some(kind) = params.text("LogDestinationType").filter(|kind| *kind != "cloud-watch-logs") {
        return Err(elsewhere("LogDestinationType", kind));
    }
    let (destination, group) = (params.text("LogDestination"), params.text("LogGroupName"));
    if destination.is_some() && group.is_some() {
        return Err(CloudError::new(
            ErrorCode::InvalidParameter,
            "Please only provide LogGroupName or only provide LogDestination.",
        ));
    }
    let is_local = |name: &str| name == LOCAL || name.strip_prefix("local/").is_some_and(|rest| !rest.is_empty());
    for (parameter, name) in [("LogDestination", destination), ("LogGroupName", group)] {
        let Some(name) = name else { continue };
        let plain = name.len() <= LONGEST_NAME && name.bytes().all(|b| b.is_ascii_graphic());
        return if is_local(name) && plain { Ok(name.to_owned()) } else { Err(elsewhere(parameter, &shorten(name))) };
    }
    Ok(LOCAL.to_owned())
}
