//! CreateNetworkInsightsPath: from where to where, with what traffic.

use cumulet_engine::api::insights::CreateInsightsPath;
use cumulet_model::CloudError;
use cumulet_model::insights::{PathAsk, PathFilter};
use cumulet_model::security::PortRange;

use crate::call::{Answer, Call};
use crate::query::Params;
use crate::resources::insights;
use crate::tags::tags_for;
use crate::xml::Xml;

const ADDRESS: &str = "expected an IP address";

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let protocol = params.word("Protocol", &[("tcp", "tcp"), ("udp", "udp")])?;
    let request = CreateInsightsPath {
        ask: PathAsk {
            source: id_of(params.required("Source")?),
            destination: params.text("Destination").map(id_of),
            protocol: protocol.ok_or_else(|| CloudError::missing("Protocol"))?.to_owned(),
            at_source: at_source(&params)?,
            at_destination: at_destination(&params)?,
        },
        tags: tags_for(&params, "network-insights-path")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.cloud.check_insights_path(&request).await?;
    call.check_dry_run()?;
    let path = call.cloud.create_insights_path(request).await?;
    Ok(Xml::new().node("networkInsightsPath", insights::path_xml(&path, &call.facts())))
}

/// The id in an ARN, or an id as it is.
fn id_of(text: &str) -> String {
    text.rsplit('/').next().unwrap_or_default().to_owned()
}

fn at_source(params: &Params<'_>) -> Result<PathFilter, CloudError> {
    if params.has("FilterAtSource") {
        if params.has("SourceIp") || params.has("DestinationPort") {
            let text = "FilterAtSource cannot be used together with SourceIp or DestinationPort";
            return Err(CloudError::combination(text));
        }
        return filter(&params.structure("FilterAtSource"));
    }
    let port: Option<u16> = params.number("DestinationPort")?;
    Ok(PathFilter {
        source: params.parsed("SourceIp", ADDRESS)?,
        destination_ports: port.map(|port| PortRange { first: port, last: port }),
        ..PathFilter::default()
    })
}

fn at_destination(params: &Params<'_>) -> Result<PathFilter, CloudError> {
    if params.has("FilterAtDestination") {
        if params.has("DestinationIp") {
            let text = "FilterAtDestination cannot be used together with DestinationIp";
            return Err(CloudError::combination(text));
        }
        return filter(&params.structure("FilterAtDestination"));
    }
    Ok(PathFilter { destination: params.parsed("DestinationIp", ADDRESS)?, ..PathFilter::default() })
}

fn filter(params: &Params<'_>) -> Result<PathFilter, CloudError> {
    Ok(PathFilter {
        source: params.parsed("SourceAddress", ADDRESS)?,
        source_ports: ports(&params.structure("SourcePortRange"))?,
        destination: params.parsed("DestinationAddress", ADDRESS)?,
        destination_ports: ports(&params.structure("DestinationPortRange"))?,
    })
}

fn ports(params: &Params<'_>) -> Result<Option<PortRange>, CloudError> {
    match (params.number("FromPort")?, params.number("ToPort")?) {
        (None, None) => Ok(None),
        (Some(first), Some(last)) if first <= last => Ok(Some(PortRange { first, last })),
        (Some(first), None) => Ok(Some(PortRange { first, last: first })),
        _ => Err(CloudError::invalid_value("A port range needs a FromPort that is not above its ToPort")),
    }
}
