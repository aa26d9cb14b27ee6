//! VPCs in full: ranges, subnets, route tables, gateways and DHCP options. A change is answered when the host has it. What
//! was to be added or altered and the host refuses is taken back, so that a second try finds what the first one found; what
//! was to go stays gone, and the keeper goes on trying.

mod create;
mod delete;
pub(crate) mod dhcp;
mod egress_only;
mod internet;
mod limits;
pub(crate) mod make;
mod modify;
mod nat;
mod ranges;
mod requested;
mod route_tables;
mod routes;
mod shown;
mod subnet_ranges;
mod subnets;
pub(crate) mod targets;

use cumulet_model::network::{Subnet, Vpc};
use cumulet_model::route::RouteTable;
use cumulet_model::{CloudError, ErrorCode, RouteTableId, SubnetId, VpcId};
use cumulet_store::StoreResult;

use crate::cloud::{Cloud, Result, internal, port_failed};

impl Cloud {
    /// Brings a change of the rows to the host; `undo` takes it back if the host refuses.
    async fn bring_about(&self, undo: impl Future<Output = StoreResult<()>> + Send) -> Result<()> {
        let Err(failure) = self.inner.keeper.sync().await else { return Ok(()) };
        undo.await.map_err(internal)?;
        Err(port_failed(failure))
    }

    /// Brings what was removed from the rows off the host.
    async fn bring_away(&self) -> Result<()> {
        self.inner.keeper.sync().await.map_err(port_failed)
    }

    pub(crate) async fn one_vpc(&self, id: &VpcId) -> Result<Vpc> {
        let found = self.vpcs().await?.into_iter().find(|vpc| vpc.id == *id);
        found.ok_or_else(|| CloudError::not_found(ErrorCode::InvalidVpcIdNotFound, "vpc ID", id))
    }

    /// One subnet.
    pub async fn subnet(&self, id: &SubnetId) -> Result<Subnet> {
        let found = self.subnets().await?.into_iter().find(|subnet| subnet.id == *id);
        found.ok_or_else(|| CloudError::not_found(ErrorCode::InvalidSubnetIdNotFound, "subnet ID", id))
    }

    async fn route_table(&self, id: &RouteTableId) -> Result<RouteTable> {
        let tables = self.inner.store.route_tables().await.map_err(internal)?;
        tables
            .into_iter()
            .find(|table| table.id == *id)
            .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidRouteTableIdNotFound, "routeTable ID", id))
    }
}

/// What EC2 says of something that others depend on.
fn dependency(what: &str, id: impl std::fmt::Display) -> CloudError {
    let text = format!("The {what} '{id}' has dependencies and cannot be deleted.");
    CloudError::new(ErrorCode::DependencyViolation, text)
}
