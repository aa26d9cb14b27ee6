//! Internet gateways.

use cumulet_model::gateway::InternetGateway;
use cumulet_model::network::NetworkInterface;
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, InternetGatewayId, Tags, VpcId};
use tracing::info;

use super::{dependency, limits};
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// All internet gateways, oldest first.
    pub async fn internet_gateways(&self) -> Result<Vec<InternetGateway>> {
        self.inner.store.internet_gateways().await.map_err(internal)
    }

    /// One internet gateway.
    pub async fn internet_gateway(&self, id: &InternetGatewayId) -> Result<InternetGateway> {
        let found = self.internet_gateways().await?.into_iter().find(|gateway| gateway.id == *id);
        found.ok_or_else(|| {
            CloudError::not_found(ErrorCode::InvalidInternetGatewayIdNotFound, "internetGateway ID", id)
        })
    }

    /// Makes an internet gateway that is attached to nothing.
    pub async fn create_internet_gateway(&self, tags: Tags) -> Result<InternetGateway> {
        let _allocation = self.inner.allocation.lock().await;
        check_tags(&tags)?;
        limits::INTERNET_GATEWAYS.check(self.internet_gateways().await?.len())?;
        let id = InternetGatewayId::random(&mut rand::rng());
        let gateway = InternetGateway { id, vpc_id: None, tags };
        self.inner.store.add_internet_gateway(&gateway).await.map_err(internal)?;
        Ok(gateway)
    }

    /// Attaches an internet gateway to a VPC; both must be free.
    pub async fn attach_internet_gateway(&self, id: &InternetGatewayId, vpc: &VpcId) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        self.check_attach_gateway(id, vpc).await?;
        let store = &self.inner.store;
        store.attach_internet_gateway(id, Some(vpc)).await.map_err(internal)?;
        drop(allocation);
        self.bring_about(store.attach_internet_gateway(id, None)).await?;
        info!(gateway = %id, %vpc, "attached an internet gateway");
        Ok(())
    }

    /// Whether an internet gateway can be attached to a VPC.
    pub async fn check_attach_gateway(&self, id: &InternetGatewayId, vpc: &VpcId) -> Result<()> {
        let gateway = self.internet_gateway(id).await?;
        self.one_vpc(vpc).await?;
        if let Some(held) = &gateway.vpc_id {
            let text = format!("resource {id} is already attached to network {held}");
            return Err(CloudError::new(ErrorCode::ResourceAlreadyAssociated, text));
        }
        if self.internet_gateways().await?.iter().any(|other| other.vpc_id.as_ref() == Some(vpc)) {
            let text = format!("Network {vpc} already has an internet gateway attached");
            return Err(CloudError::invalid_value(text));
        }
        Ok(())
    }

    /// Detaches an internet gateway from its VPC, in which nothing may have a public address.
    pub async fn detach_internet_gateway(&self, id: &InternetGatewayId, vpc: &VpcId) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        self.check_detach_gateway(id, vpc).await?;
        self.inner.store.attach_internet_gateway(id, None).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await?;
        info!(gateway = %id, %vpc, "detached an internet gateway");
        Ok(())
    }

    /// Whether an internet gateway can be detached from a VPC.
    pub async fn check_detach_gateway(&self, id: &InternetGatewayId, vpc: &VpcId) -> Result<()> {
        let gateway = self.internet_gateway(id).await?;
        self.one_vpc(vpc).await?;
        if gateway.vpc_id.as_ref() != Some(vpc) {
            let text = format!("resource {id} is not attached to network {vpc}");
            return Err(CloudError::new(ErrorCode::GatewayNotAttached, text));
        }
        let interfaces = self.network_interfaces().await?;
        let is_mapped =
            |interface: &NetworkInterface| interface.addresses().any(|address| address.public_ip.is_some());
        if interfaces.iter().any(|interface| interface.vpc_id == *vpc && is_mapped(interface)) {
            return Err(CloudError::new(
                ErrorCode::DependencyViolation,
                format!(
                    "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
                ),
            ));
        }
        Ok(())
    }

    /// Deletes an internet gateway that is attached to nothing.
    pub async fn delete_internet_gateway(&self, id: &InternetGatewayId) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        self.check_gateway_unused(id).await?;
        self.inner.store.delete_internet_gateway(id).await.map_err(internal)
    }

    /// Whether an internet gateway is attached to nothing.
    pub async fn check_gateway_unused(&self, id: &InternetGatewayId) -> Result<()> {
        match self.internet_gateway(id).await?.vpc_id {
            Some(_) => Err(dependency("internetGateway", id)),
            None => Ok(()),
        }
    }
}
