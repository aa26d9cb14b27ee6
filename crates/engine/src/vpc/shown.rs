//! Route tables as DescribeRouteTables shows them: with the local routes, and with states that are computed.

use std::collections::HashMap;

use cumulet_model::network::Vpc;
use cumulet_model::route::{Destination, RouteTable, ShownRoute, ShownRouteTable, Target};
use cumulet_model::state::Machine;
use cumulet_model::{InstanceId, InterfaceId, VpcId};

use super::targets::Targets;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// All route tables, oldest first.
    pub async fn route_tables(&self) -> Result<Vec<ShownRouteTable>> {
        let store = &self.inner.store;
        let tables = store.route_tables().await.map_err(internal)?;
        let vpcs: HashMap<_, _> = self.vpcs().await?.into_iter().map(|vpc| (vpc.id.clone(), vpc)).collect();
        let (internet, egress_only) = (self.internet_gateways().await?, self.egress_only_gateways().await?);
        let nat = self.nat_gateways().await?;
        let (held, at_work) = self.held_interfaces().await?;
        let targets =
            Targets { internet: &internet, egress_only: &egress_only, nat: &nat, at_work: &at_work };
        Ok(tables
            .into_iter()
            .map(|table| {
                let local = vpcs.get(&table.vpc_id).map(local_routes).unwrap_or_default();
                let routes = local.into_iter().chain(made_routes(&table, &targets, &held)).collect();
                ShownRouteTable { routes, table }
            })
            .collect())
    }

    /// The instances that interfaces are attached to, and those interfaces that machines have.
    async fn held_interfaces(
        &self,
    ) -> Result<(HashMap<InterfaceId, InstanceId>, HashMap<InterfaceId, (VpcId, InstanceId)>)> {
        let instances = self.inner.store.instances().await.map_err(internal)?;
        let machines: HashMap<_, _> = instances.iter().map(|record| (&record.id, record.machine)).collect();
        let (mut held, mut at_work) = (HashMap::new(), HashMap::new());
        for interface in self.network_interfaces().await? {
            let Some(attachment) = interface.attachment else { continue };
            if matches!(machines.get(&attachment.instance_id), Some(Machine::On)) {
                let place = (interface.vpc_id, attachment.instance_id.clone());
                at_work.insert(interface.id.clone(), place);
            }
            held.insert(interface.id, attachment.instance_id);
        }
        Ok((held, at_work))
    }
}

fn local_routes(vpc: &Vpc) -> Vec<ShownRoute> {
    let four = vpc.cidrs().into_iter().map(|held| held.cidr.into());
    let six = vpc.ipv6_cidrs.iter().map(|held| held.cidr.into());
    let local = |cidr| ShownRoute {
        destination: Destination::Cidr(cidr),
        target: None,
        instance_id: None,
        active: true,
    };
    four.chain(six).map(local).collect()
}

fn made_routes(
    table: &RouteTable,
    targets: &Targets<'_>,
    held: &HashMap<InterfaceId, InstanceId>,
) -> Vec<ShownRoute> {
    let shown = table.routes.iter().map(|route| ShownRoute {
        destination: route.destination.clone(),
        target: Some(route.target.clone()),
        instance_id: match &route.target {
            Target::Interface(id) => held.get(id).cloned(),
            _ => None,
        },
        active: targets.is_active(&table.vpc_id, &route.target),
    });
    shown.collect()
}
