//! Brings NAT gateways from pending to available, and from deleting to deleted: the host is brought to what the rows say,
//! and then the rows say that it is so. It is the same work after each request, at the start and at each reconciliation.

use cumulet_model::nat::{NatGateway, NatGatewayFailure, NatGatewayState};
use cumulet_model::{ErrorCode, NatGatewayId};
use cumulet_store::StoreError;
use tracing::{error, info, warn};

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Tends the gateways in a task of its own.
    pub(super) fn tend_nat_gateways_soon(&self) {
        let cloud = self.clone();
        self.inner.tasks.spawn(async move {
            let stop = cloud.inner.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                done = cloud.tend_nat_gateways() => if let Err(failure) = done {
                    error!(error = &failure as &dyn std::error::Error, "the NAT gateways could not be tended");
                },
            }
        });
    }

    /// Brings all that are on their way where they are to be.
    pub(crate) async fn tend_nat_gateways(&self) -> Result<()> {
        let moving = |state| matches!(state, NatGatewayState::Pending | NatGatewayState::Deleting);
        let mut gateways = self.nat_gateways().await?;
        gateways.retain(|gateway| moving(gateway.state));
        if gateways.is_empty() {
            return Ok(());
        }
        let synced = self.inner.keeper.sync().await;
        if let Err(failure) = &synced {
            warn!(error = failure.chain(), "the network refused a NAT gateway");
        }
        for gateway in gateways {
            let id = gateway.id.clone();
            match self.settle_nat_gateway(gateway, synced.is_ok()).await {
                // Somebody else has moved it on meanwhile.
                Ok(()) | Err(StoreError::Gone(_)) => {}
                Err(failure) => return Err(internal(failure)),
            }
            self.log_state(&id).await?;
        }
        if synced.is_err() {
            // What failed is to leave the host; if that fails as well, the keeper goes on.
            let _ = self.inner.keeper.sync().await;
        }
        Ok(())
    }

    async fn settle_nat_gateway(
        &self,
        gateway: NatGateway,
        synced: bool,
    ) -> std::result::Result<(), StoreError> {
        let store = &self.inner.store;
        let from = gateway.state;
        let ended = Some(self.inner.clock.now());
        match (from, synced) {
            (NatGatewayState::Pending, true) => {
                let after = NatGateway { state: NatGatewayState::Available, ..gateway };
                store.move_nat_gateway(&after, from).await
            }
            (NatGatewayState::Pending, false) => {
                let failure = Some(broken(&gateway));
                let after = NatGateway { state: NatGatewayState::Failed, ended, failure, ..gateway };
                store.end_nat_gateway(&after, from).await
            }
            (NatGatewayState::Deleting, true) => {
                let after = NatGateway { state: NatGatewayState::Deleted, ended, ..gateway };
                store.end_nat_gateway(&after, from).await
            }
            // Tried again with the next change or reconciliation.
            _ => Ok(()),
        }
    }

    async fn log_state(&self, id: &NatGatewayId) -> Result<()> {
        let gateway = self.nat_gateway(id).await?;
        info!(gateway = %id, state = gateway.state.as_str(), "a NAT gateway has moved on");
        Ok(())
    }
}

/// EC2's words for a gateway that could not be made.
fn broken(gateway: &NatGateway) -> NatGatewayFailure {
    let interface = gateway.address.as_ref().map(|address| address.interface_id.to_string());
    let message = format!(
        "Network interface {}, created and used internally by this NAT gateway is in an invalid state. Please try again.",
        interface.unwrap_or_default()
    );
    NatGatewayFailure { code: ErrorCode::InternalError.to_string(), message }
}
