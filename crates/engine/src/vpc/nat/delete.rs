//! DeleteNatGateway: its elastic address stays with the account.

use cumulet_model::nat::{NatGateway, NatGatewayState};
use cumulet_model::{CloudError, ErrorCode, NatGatewayId};
use tracing::info;

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Deletes a NAT gateway; it is deleting until the host has it no more. Routes to it become blackholes at once.
    pub async fn delete_nat_gateway(&self, id: &NatGatewayId) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let gateway = self.deletable_nat_gateway(id).await?;
        let store = &self.inner.store;
        match gateway.state {
            NatGatewayState::Pending | NatGatewayState::Available => {
                let after = NatGateway { state: NatGatewayState::Deleting, ..gateway.clone() };
                store.move_nat_gateway(&after, gateway.state).await.map_err(internal)?;
            }
            NatGatewayState::Failed => {
                let after = NatGateway { state: NatGatewayState::Deleted, ..gateway.clone() };
                store.move_nat_gateway(&after, gateway.state).await.map_err(internal)?;
            }
            NatGatewayState::Deleting | NatGatewayState::Deleted => {}
        }
        drop(allocation);
        info!(gateway = %id, "a NAT gateway is to be deleted");
        self.tend_nat_gateways_soon();
        Ok(())
    }

    /// A NAT gateway that is not deleted yet.
    pub async fn deletable_nat_gateway(&self, id: &NatGatewayId) -> Result<NatGateway> {
        let gateway = self.nat_gateway(id).await?;
        match gateway.state {
            NatGatewayState::Deleted => {
                let text = format!("NAT gateway {id} was not found");
                Err(CloudError::new(ErrorCode::NatGatewayNotFound, text))
            }
            _ => Ok(gateway),
        }
    }
}
