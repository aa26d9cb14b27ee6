//! Where a route is to lead, as a caller names it: looked up, and held to the table's VPC.

use cumulet_model::route::{RouteTable, Target};
use cumulet_model::state::Machine;
use cumulet_model::{CloudError, ErrorCode, InstanceId, InterfaceId, VpcId};

use crate::api::vpc::RequestedTarget;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    pub(super) async fn route_target(&self, table: &RouteTable, wanted: &RequestedTarget) -> Result<Target> {
        match wanted {
            RequestedTarget::InternetGateway(id) => {
                let gateways = self.internet_gateways().await?;
                let gateway = gateways.into_iter().find(|gateway| gateway.id == *id);
                let gateway = gateway.ok_or_else(|| no_gateway(id))?;
                same_network(table, "network gateway", id, gateway.vpc_id.as_ref())?;
                Ok(Target::InternetGateway(id.clone()))
            }
            RequestedTarget::EgressOnlyGateway(id) => {
                let gateway = self.egress_only_gateway(id).await?;
                same_network(table, "network gateway", id, Some(&gateway.vpc_id))?;
                Ok(Target::EgressOnlyGateway(id.clone()))
            }
            RequestedTarget::NatGateway(id) => {
                let gateways = self.nat_gateways().await?;
                let gateway = gateways.into_iter().find(|held| held.id == *id && held.state.is_wired());
                let gateway = gateway.ok_or_else(|| {
                    CloudError::not_found(ErrorCode::InvalidNatGatewayIdNotFound, "natGateway ID", id)
                })?;
                same_network(table, "NAT gateway", id, Some(&gateway.vpc_id))?;
                Ok(Target::NatGateway(id.clone()))
            }
            RequestedTarget::Interface(id) => {
                let interface = self.network_interface(id).await?;
                same_network(table, "interface", id, Some(&interface.vpc_id))?;
                Ok(Target::Interface(id.clone()))
            }
            RequestedTarget::Instance(id) => {
                self.interface_to_route_to(table, id).await.map(Target::Interface)
            }
            RequestedTarget::Local => Err(CloudError::invalid_value(
                "The target local can be given for a route for one of the VPC's own CIDR blocks only",
            )),
        }
    }

    async fn interface_to_route_to(&self, table: &RouteTable, id: &InstanceId) -> Result<InterfaceId> {
        let record = self.record(id).await?;
        if record.machine == Machine::Released {
            return Err(CloudError::not_found(ErrorCode::InvalidInstanceIdNotFound, "instance ID", id));
        }
        same_network(table, "instance", id, Some(&record.vpc_id))?;
        let held = self.inner.store.interfaces_of(id).await.map_err(internal)?;
        match held.as_slice() {
            [only] => Ok(only.interface.id.clone()),
            _ => Err(CloudError::new(
                ErrorCode::InvalidInstanceId,
                format!(
                    "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
                ),
            )),
        }
    }
}

fn no_gateway(id: &cumulet_model::InternetGatewayId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidEgressOnlyGatewayIdNotFound, "gateway ID", id)
}

fn same_network(
    table: &RouteTable,
    what: &str,
    id: impl std::fmt::Display,
    vpc: Option<&VpcId>,
) -> Result<()> {
    if vpc == Some(&table.vpc_id) {
        return Ok(());
    }
    let text = format!("route table {} and {what} {id} belong to different networks", table.id);
    Err(CloudError::invalid_value(text))
}
