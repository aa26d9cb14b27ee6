//! A flow log.

use cumulet_model::flow_log::{FlowLog, FlowLogResource};
use cumulet_ports::network::{FlowLogScope, FlowLogSpec};

use super::Rows;

/// A log, with the zones of its VPC's subnets.
pub fn spec(log: &FlowLog, rows: &Rows) -> FlowLogSpec {
    let inside =
        rows.subnets.iter().map(|record| &record.subnet).filter(|subnet| subnet.vpc_id == log.vpc_id);
    FlowLogSpec {
        id: log.id.clone(),
        scope: match &log.resource {
            FlowLogResource::Vpc(_) => FlowLogScope::Vpc,
            FlowLogResource::Subnet(id) => FlowLogScope::Subnet(id.clone()),
            FlowLogResource::Interface(id) => FlowLogScope::Interface(id.clone()),
        },
        traffic: log.traffic,
        aggregation_seconds: log.aggregation_seconds,
        format: log.format.clone(),
        account: rows.account.clone(),
        zones: inside
            .filter_map(|subnet| Some((subnet.id.clone(), rows.region.zone(&subnet.zone)?.id.clone())))
            .collect(),
    }
}
