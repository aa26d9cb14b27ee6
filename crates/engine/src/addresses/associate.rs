//! Where elastic addresses lead: associated in one step, whatever they led to before, and disassociated.

use cumulet_model::elastic::{AddressAssociation, ElasticAddress};
use cumulet_model::network::{InterfaceKind, NetworkInterface};
use cumulet_model::{AddressAssociationId, CloudError, ErrorCode, InstanceId};
use cumulet_store::StoreError;
use tracing::{error, info};

use crate::api::address::{AddressTarget, AssociateAddress, AssociationName};
use crate::cloud::{Cloud, Result, internal, port_failed};

/// What an association displaces, to be put back if the network refuses.
struct Before {
    interface: NetworkInterface,
    address: ElasticAddress,
    displaced: Option<ElasticAddress>,
}

impl Cloud {
    /// Leads an elastic address to a private address of an interface: the primary one of an instance's only interface,
    /// if nothing else is said. What it led to before it leads to no more; another elastic address that led there is idle
    /// then; a dynamic one is released. With the same target again it gives the same association.
    pub async fn associate_address(&self, request: AssociateAddress) -> Result<AddressAssociationId> {
        let allocation = self.inner.allocation.lock().await;
        let address = self.named_address(&request.address).await?;
        let interface = self.target_interface(&request.target).await?;
        let private_ip = request.private_ip.unwrap_or(interface.private_ip);
        let target = interface.addresses().find(|held| held.private_ip == private_ip).ok_or_else(|| {
            CloudError::invalid_value(format!(
                "Address {private_ip} is not one of network interface '{}'",
                interface.id
            ))
        })?;
        if let Some(known) = &address.association {
            if known.interface_id == interface.id && known.private_ip == private_ip {
                return Ok(known.id.clone());
            }
            self.check_not_managed(known).await?;
        }
        if !self.internet_gateways().await?.iter().any(|gate| gate.vpc_id.as_ref() == Some(&interface.vpc_id))
        {
            let text = format!("Network {} is not attached to any internet gateway", interface.vpc_id);
            return Err(CloudError::new(ErrorCode::GatewayNotAttached, text));
        }
        let held = target.elastic.map(|elastic| elastic.allocation_id.clone());
        if request.allow_reassociation == Some(false) {
            check_free(&address, &interface, target.elastic.map(|elastic| &elastic.association_id))?;
        }
        let addresses = self.addresses().await?;
        let displaced = addresses.into_iter().find(|other| Some(&other.id) == held.as_ref());
        let id = AddressAssociationId::random(&mut rand::rng());
        let store = &self.inner.store;
        store.associate_address(&address.id, &id, &interface.id, private_ip).await.map_err(internal)?;
        drop(allocation);
        if let Err(failure) = self.inner.keeper.sync().await {
            // The caller hears of a failure: then all must be as it was.
            self.put_back(&id, Before { interface, address, displaced }).await.map_err(internal)?;
            return Err(port_failed(failure));
        }
        info!(address = %address.public_ip, interface = %interface.id, %private_ip, "an elastic address leads here");
        Ok(id)
    }

    /// Ends an association. An address that leads nowhere stays so.
    pub async fn disassociate_address(&self, name: &AssociationName) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let (address, association) = match name {
            AssociationName::Association(id) => {
                let mut addresses = self.addresses().await?.into_iter();
                let found =
                    addresses.find(|address| address.association.as_ref().is_some_and(|a| a.id == *id));
                let Some((address, association)) = found.and_then(|a| a.association.clone().map(|b| (a, b)))
                else {
                    let code = ErrorCode::InvalidAssociationIdNotFound;
                    return Err(CloudError::not_found(code, "association ID", id));
                };
                (address, association)
            }
            AssociationName::Address(name) => {
                let address = self.named_address(name).await?;
                let Some(association) = address.association.clone() else { return Ok(()) };
                (address, association)
            }
        };
        self.check_not_managed(&association).await?;
        self.inner.store.disassociate_address(&association.id).await.map_err(internal)?;
        drop(allocation);
        info!(address = %address.public_ip, interface = %association.interface_id, "an elastic address is idle");
        self.inner.keeper.sync().await.map_err(port_failed)
    }

    /// The interface that a request means.
    async fn target_interface(&self, target: &AddressTarget) -> Result<NetworkInterface> {
        let interface = match target {
            AddressTarget::Interface(id) => self.network_interface(id).await?,
            AddressTarget::Instance(id) => self.only_interface(id).await?,
        };
        match interface.kind {
            InterfaceKind::Interface => Ok(interface),
            InterfaceKind::NatGateway => Err(managed()),
        }
    }

    async fn only_interface(&self, id: &InstanceId) -> Result<NetworkInterface> {
        let record = self.record(id).await?;
        let mut held = self.inner.store.interfaces_of(id).await.map_err(internal)?;
        match held.len() {
            1 => Ok(held.remove(0).interface),
            0 => {
                let text = format!("The instance '{id}' is {} and has no network interface", record.state());
                Err(CloudError::new(ErrorCode::IncorrectInstanceState, text))
            }
            _ => Err(CloudError::new(
                ErrorCode::InvalidInstanceId,
                format!(
                    "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the \
                     operation instead."
                ),
            )),
        }
    }

    /// What leads to a NAT gateway is the gateway's.
    async fn check_not_managed(&self, association: &AddressAssociation) -> Result<()> {
        match self.network_interface(&association.interface_id).await?.kind {
            InterfaceKind::Interface => Ok(()),
            InterfaceKind::NatGateway => Err(managed()),
        }
    }

    async fn put_back(
        &self,
        id: &AddressAssociationId,
        before: Before,
    ) -> std::result::Result<(), StoreError> {
        let store = &self.inner.store;
        match store.disassociate_address(id).await {
            // Somebody has led it elsewhere meanwhile, which stays.
            Err(StoreError::Gone(_)) => return Ok(()),
            done => done?,
        }
        for address in [Some(before.address), before.displaced].into_iter().flatten() {
            let Some(old) = address.association else { continue };
            let put = store.associate_address(&address.id, &old.id, &old.interface_id, old.private_ip).await;
            if let Err(failure) = put {
                error!(address = %address.public_ip, error = &failure as &dyn std::error::Error, "it can't be put back");
            }
        }
        let dynamic = before.interface.public_ip.filter(|_| before.interface.elastic.is_none());
        store
            .change_interface::<StoreError>(&before.interface.id, None, |record, _| {
                if record.interface.elastic.is_none() {
                    record.interface.public_ip = dynamic;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}

/// Without reassociation both ends must be free.
fn check_free(
    address: &ElasticAddress,
    interface: &NetworkInterface,
    held: Option<&AddressAssociationId>,
) -> Result<()> {
    let own = address.association.as_ref().map(|known| (address.id.as_str(), &known.id));
    let Some((resource, association)) = own.or(held.map(|id| (interface.id.as_str(), id))) else {
        return Ok(());
    };
    Err(CloudError::new(
        ErrorCode::ResourceAlreadyAssociated,
        format!("resource {resource} is already associated with associate-id {association}"),
    ))
}

fn managed() -> CloudError {
    let text = "The elastic address of a NAT gateway is changed with the gateway alone";
    CloudError::new(ErrorCode::OperationNotPermitted, text)
}
