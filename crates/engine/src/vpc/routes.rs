//! CreateRoute, ReplaceRoute and DeleteRoute.

use cumulet_model::network::Vpc;
use cumulet_model::route::{Destination, Route, RouteTable, Target};
use cumulet_model::{CloudError, ErrorCode, RouteTableId};
use ipnet::IpNet;
use tracing::info;

use super::limits;
use crate::api::vpc::RouteRequest;
use crate::cloud::{Cloud, Result, internal};

/// Ranges that no route may be for, exactly or in part: EC2's own services' (VPC guide, "Route tables").
const OF_SERVICES: [&str; 2] = ["169.254.168.0/22", "fd00:ec2::/32"];

impl Cloud {
    /// Adds a route.
    pub async fn create_route(&self, request: RouteRequest) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let route = self.check_create_route(&request).await?;
        let (store, table) = (&self.inner.store, &request.route_table_id);
        store.add_route(table, &route).await.map_err(internal)?;
        drop(allocation);
        self.bring_about(store.delete_route(table, &route.destination)).await?;
        info!(%table, destination = %route.destination, target = %route.target, "made a route");
        Ok(())
    }

    /// The route that a request asks for, if it can be made.
    pub async fn check_create_route(&self, request: &RouteRequest) -> Result<Route> {
        let (table, vpc) = self.table_with_vpc(&request.route_table_id).await?;
        let destination = &request.destination;
        if is_local(&vpc, destination) || table.routes.iter().any(|route| route.destination == *destination) {
            let text = format!("The route identified by {destination} already exists.");
            return Err(CloudError::new(ErrorCode::RouteAlreadyExists, text));
        }
        let target = self.route_target(&table, &request.target).await?;
        self.check_destination(&vpc, destination, &target).await?;
        limits::ROUTES.check(table.routes.len())?;
        Ok(Route { destination: destination.clone(), target })
    }

    /// Leads a route elsewhere.
    pub async fn replace_route(&self, request: RouteRequest) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let (before, after) = self.check_replace_route(&request).await?;
        let (store, table) = (&self.inner.store, &request.route_table_id);
        store.replace_route(table, &after).await.map_err(internal)?;
        drop(allocation);
        self.bring_about(store.replace_route(table, &before)).await?;
        info!(%table, destination = %after.destination, target = %after.target, "replaced a route");
        Ok(())
    }

    /// What a route is and what a request wants it to be, if it can be replaced.
    pub async fn check_replace_route(&self, request: &RouteRequest) -> Result<(Route, Route)> {
        let (table, vpc) = self.table_with_vpc(&request.route_table_id).await?;
        let destination = &request.destination;
        if is_local(&vpc, destination) {
            return Err(CloudError::new(
                ErrorCode::UnsupportedOperation,
                format!(
                    "cannot replace local route {destination} in route table {}: this cloud leads what is in the VPC's own ranges elsewhere by routes for whole subnets only",
                    table.id
                ),
            ));
        }
        let before = table
            .routes
            .iter()
            .find(|route| route.destination == *destination)
            .ok_or_else(|| no_route(&table.id, destination))?
            .clone();
        let target = self.route_target(&table, &request.target).await?;
        self.check_destination(&vpc, destination, &target).await?;
        Ok((before, Route { destination: destination.clone(), target }))
    }

    /// Removes a route; the local ones stay.
    pub async fn delete_route(&self, table: &RouteTableId, destination: &Destination) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        self.check_delete_route(table, destination).await?;
        self.inner.store.delete_route(table, destination).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await?;
        info!(%table, %destination, "deleted a route");
        Ok(())
    }

    /// Whether a route can be removed.
    pub async fn check_delete_route(&self, table: &RouteTableId, destination: &Destination) -> Result<()> {
        let (table, vpc) = self.table_with_vpc(table).await?;
        if is_local(&vpc, destination) {
            return Err(CloudError::invalid_value(format!(
                "cannot remove local route {destination} in route table {}",
                table.id
            )));
        }
        match table.routes.iter().any(|route| route.destination == *destination) {
            true => Ok(()),
            false => Err(no_route(&table.id, destination)),
        }
    }

    async fn table_with_vpc(&self, id: &RouteTableId) -> Result<(RouteTable, Vpc)> {
        let table = self.route_table(id).await?;
        let vpc = self.one_vpc(&table.vpc_id).await?;
        Ok((table, vpc))
    }

    /// Whether a route for this destination can lead to that target (VPC guide, "Route tables").
    async fn check_destination(&self, vpc: &Vpc, destination: &Destination, target: &Target) -> Result<()> {
        let Destination::Cidr(cidr) = destination else { return Ok(()) };
        let of_services = OF_SERVICES.iter().filter_map(|net| net.parse::<IpNet>().ok());
        if of_services.into_iter().any(|net| net.contains(cidr)) {
            let text =
                format!("The destination CIDR block {cidr} is reserved for use by the VPC's own services.");
            return Err(CloudError::invalid_value(text));
        }
        let fits = match target {
            Target::EgressOnlyGateway(_) => cidr.addr().is_ipv6(),
            Target::NatGateway(_) => cidr.addr().is_ipv4(),
            Target::InternetGateway(_) | Target::Interface(_) => true,
        };
        if !fits {
            let text = format!(
                "The destination CIDR block {cidr} is not of the address family that {target} is for."
            );
            return Err(CloudError::invalid_value(text));
        }
        if !in_vpc(vpc, cidr) {
            return Ok(());
        }
        if !matches!(target, Target::Interface(_) | Target::NatGateway(_)) {
            return Err(CloudError::invalid_value(format!(
                "The destination CIDR block {cidr} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance."
            )));
        }
        let subnets = self.subnets().await?;
        let of_vpc = subnets.iter().filter(|subnet| subnet.vpc_id == vpc.id);
        let is_subnet = of_vpc.into_iter().any(|subnet| {
            IpNet::V4(subnet.cidr) == *cidr
                || subnet.ipv6.as_ref().is_some_and(|held| IpNet::V6(held.cidr) == *cidr)
        });
        if is_subnet {
            return Ok(());
        }
        Err(CloudError::invalid_value(format!(
            "The destination CIDR block {cidr} is more specific than one of this VPC's CIDR blocks and is no subnet's whole CIDR block."
        )))
    }
}

/// Whether a destination is one of the VPC's ranges, which every table has a local route for.
fn is_local(vpc: &Vpc, destination: &Destination) -> bool {
    let Destination::Cidr(cidr) = destination else { return false };
    vpc.cidrs().iter().any(|held| IpNet::V4(held.cidr) == *cidr)
        || vpc.ipv6_cidrs.iter().any(|held| IpNet::V6(held.cidr) == *cidr)
}

fn in_vpc(vpc: &Vpc, cidr: &IpNet) -> bool {
    vpc.cidrs().iter().any(|held| IpNet::V4(held.cidr).contains(cidr))
        || vpc.ipv6_cidrs.iter().any(|held| IpNet::V6(held.cidr).contains(cidr))
}

fn no_route(table: &RouteTableId, destination: &Destination) -> CloudError {
    let text = format!("no route with destination-cidr-block {destination} in route table {table}");
    CloudError::new(ErrorCode::InvalidRouteNotFound, text)
}
