//! NAT gateways. CreateNatGateway and DeleteNatGateway write what is to be and answer at once, as EC2 does; the host's
//! network is brought to it behind them ([`tend`]), also after the daemon's death.

mod create;
mod delete;
mod tend;

use cumulet_model::nat::NatGateway;
use cumulet_model::{CloudError, ErrorCode, NatGatewayId};

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// All NAT gateways, oldest first; those that have ended for as long as they stay listed.
    pub async fn nat_gateways(&self) -> Result<Vec<NatGateway>> {
        self.inner.store.nat_gateways().await.map_err(internal)
    }

    /// One NAT gateway.
    pub async fn nat_gateway(&self, id: &NatGatewayId) -> Result<NatGateway> {
        let found = self.nat_gateways().await?.into_iter().find(|gateway| gateway.id == *id);
        found.ok_or_else(|| {
            CloudError::new(ErrorCode::NatGatewayNotFound, format!("NAT gateway {id} was not found"))
        })
    }
}
