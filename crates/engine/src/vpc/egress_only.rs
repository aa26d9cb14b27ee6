//! Egress-only internet gateways, which belong to one VPC from their making to their end.

use cumulet_model::gateway::EgressOnlyGateway;
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, EgressOnlyGatewayId, ErrorCode};
use tracing::info;

use super::limits;
use crate::api::vpc::CreateEgressOnlyGateway;
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::token_of;

impl Cloud {
    /// All egress-only internet gateways, oldest first.
    pub async fn egress_only_gateways(&self) -> Result<Vec<EgressOnlyGateway>> {
        self.inner.store.egress_only_gateways().await.map_err(internal)
    }

    /// One egress-only internet gateway.
    pub async fn egress_only_gateway(&self, id: &EgressOnlyGatewayId) -> Result<EgressOnlyGateway> {
        let found = self.egress_only_gateways().await?.into_iter().find(|gateway| gateway.id == *id);
        found.ok_or_else(|| {
            CloudError::not_found(ErrorCode::InvalidEgressOnlyGatewayIdNotFound, "gateway ID", id)
        })
    }

    /// Makes an egress-only internet gateway. The same client token with the same parameters gives the same one.
    pub async fn create_egress_only_gateway(
        &self,
        request: CreateEgressOnlyGateway,
    ) -> Result<EgressOnlyGateway> {
        let allocation = self.inner.allocation.lock().await;
        let token = token_of("CreateEgressOnlyInternetGateway", request.client_token.as_deref(), &request);
        if let Some(id) = self.made_before(token.as_ref()).await? {
            let id = id.parse().map_err(|_| CloudError::internal("a request's token is damaged"))?;
            return self.egress_only_gateway(&id).await;
        }
        check_tags(&request.tags)?;
        let vpc = self.one_vpc(&request.vpc_id).await?;
        let gateways = self.egress_only_gateways().await?;
        if gateways.iter().any(|gateway| gateway.vpc_id == vpc.id) {
            let text = format!("Network {} already has an egress-only internet gateway attached", vpc.id);
            return Err(CloudError::new(ErrorCode::EgressOnlyGatewayLimitExceeded, text));
        }
        limits::EGRESS_ONLY_GATEWAYS.check(gateways.len())?;
        let id = EgressOnlyGatewayId::random(&mut rand::rng());
        let gateway = EgressOnlyGateway { id, vpc_id: vpc.id, tags: request.tags };
        let store = &self.inner.store;
        store
            .add_egress_only_gateway(&gateway, token.as_ref(), self.inner.clock.now())
            .await
            .map_err(internal)?;
        drop(allocation);
        self.bring_about(store.delete_egress_only_gateway(&gateway.id)).await?;
        info!(gateway = %gateway.id, vpc = %gateway.vpc_id, "made an egress-only internet gateway");
        Ok(gateway)
    }

    /// Deletes an egress-only internet gateway; routes to it become blackholes.
    pub async fn delete_egress_only_gateway(&self, id: &EgressOnlyGatewayId) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        self.egress_only_gateway(id).await?;
        self.inner.store.delete_egress_only_gateway(id).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await?;
        info!(gateway = %id, "deleted an egress-only internet gateway");
        Ok(())
    }
}
