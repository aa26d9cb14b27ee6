//! Making and deleting interfaces.

use std::net::Ipv4Addr;

use cumulet_model::network::{InterfaceKind, NetworkInterface};
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, InterfaceId, MacAddr, address};
use cumulet_store::{InterfaceRecord, StoreError, SubnetRecord};
use rand::RngExt;
use tracing::info;

use super::{no_interface, taken_addresses};
use crate::api::interface::CreateInterface;
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::token_of;
use crate::run::chosen_groups;

/// EC2's limit of a description.
pub(super) const MAX_DESCRIPTION: usize = 255;
/// The most interfaces of this cloud.
const MAX_INTERFACES: usize = 5_000;

impl Cloud {
    /// Makes an interface with an address of its own. The same client token with the same parameters gives the same
    /// interface.
    pub async fn create_network_interface(&self, request: CreateInterface) -> Result<NetworkInterface> {
        let _allocation = self.inner.allocation.lock().await;
        let token = token_of("CreateNetworkInterface", request.client_token.as_deref(), &request);
        if let Some(id) = self.made_before(token.as_ref()).await? {
            let id: InterfaceId =
                id.parse().map_err(|_| CloudError::internal("a request's token is damaged"))?;
            return self.network_interface(&id).await;
        }
        check_tags(&request.tags)?;
        let description = request.description.unwrap_or_default();
        check_description(&description)?;
        let subnets = self.inner.store.subnets().await.map_err(internal)?;
        let subnet =
            subnets.into_iter().find(|record| record.subnet.id == request.subnet_id).ok_or_else(|| {
                CloudError::not_found(ErrorCode::InvalidSubnetIdNotFound, "subnet ID", &request.subnet_id)
            })?;
        let known = self.security_groups().await?;
        let groups = chosen_groups(&known, &subnet.subnet.vpc_id, &request.group_ids, &[])?;
        let private_ip = self.address_in(&subnet, request.private_ip).await?;
        let (id, salt) = {
            let mut rng = rand::rng();
            (InterfaceId::random(&mut rng), rng.random())
        };
        let interface = NetworkInterface {
            id,
            vpc_id: subnet.subnet.vpc_id,
            subnet_id: subnet.subnet.id,
            zone: subnet.subnet.zone,
            description,
            mac: MacAddr::for_private_ip(salt, private_ip),
            kind: InterfaceKind::Interface,
            private_ip,
            public_ip: None,
            elastic: None,
            secondary: vec![],
            ipv6: vec![],
            primary_ipv6: false,
            groups,
            source_dest_check: true,
            attachment: None,
            created: self.inner.clock.now(),
            tags: request.tags,
        };
        let record = InterfaceRecord { interface, auto_public_ip: false };
        self.inner.store.add_interface(&record, token.as_ref()).await.map_err(internal)?;
        info!(interface = %record.interface.id, address = %private_ip, "made an interface");
        Ok(record.interface)
    }

    /// Deletes an interface that is attached to nothing.
    pub async fn delete_network_interface(&self, id: &InterfaceId) -> Result<()> {
        self.network_interface(id).await?;
        match self.inner.store.delete_interface(id).await {
            Ok(()) => {
                info!(interface = %id, "deleted an interface");
                Ok(())
            }
            Err(StoreError::Gone(_)) if self.inner.store.interface(id).await.map_err(internal)?.is_none() => {
                Err(no_interface(id))
            }
            Err(StoreError::Gone(_)) => {
                Err(CloudError::invalid_value(format!("Network interface '{id}' is currently in use.")))
            }
            Err(error) => Err(internal(error)),
        }
    }

    /// An address of a subnet that nobody has: the one wanted, or the next. The allocation lock must be held.
    pub(crate) async fn address_in(
        &self,
        record: &SubnetRecord,
        wanted: Option<Ipv4Addr>,
    ) -> Result<Ipv4Addr> {
        let (subnet, cidr) = (&record.subnet, record.subnet.cidr);
        let held = self.inner.store.interfaces().await.map_err(internal)?;
        if held.len() >= MAX_INTERFACES {
            let text = format!("You have reached the limit of {MAX_INTERFACES} network interfaces");
            return Err(CloudError::new(ErrorCode::InterfaceLimitExceeded, text));
        }
        let taken = taken_addresses(&held, &subnet.vpc_id);
        match wanted {
            Some(wanted) if !address::is_assignable(cidr, wanted) => Err(CloudError::invalid_value(format!(
                "Address {wanted} is not an address of subnet '{}' ({cidr}) that an interface can have",
                subnet.id
            ))),
            Some(wanted) if taken.contains(&wanted) => {
                Err(CloudError::new(ErrorCode::InvalidIpAddressInUse, format!("Address {wanted} is in use.")))
            }
            Some(wanted) => Ok(wanted),
            None => address::next_free(cidr, record.last_private_ip, |address| taken.contains(&address))
                .ok_or_else(|| {
                    let text = format!("The subnet '{}' has no free address", subnet.id);
                    CloudError::new(ErrorCode::InsufficientFreeAddressesInSubnet, text)
                }),
        }
    }
}

pub(super) fn check_description(text: &str) -> Result<()> {
    if text.chars().count() <= MAX_DESCRIPTION && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(CloudError::invalid_value(format!(
        "Description must be at most {MAX_DESCRIPTION} characters long, without control characters"
    )))
}
