//! Secondary private addresses: assigned all or none, also away from another interface, and unassigned. The network has
//! a change before the answer is given.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::address::{is_assignable, next_free};
use cumulet_model::network::{InterfaceKind, NetworkInterface};
use cumulet_model::{CloudError, ErrorCode, InterfaceId};
use cumulet_store::{InterfaceRecord, StoreError, SubnetRecord};
use tracing::{error, info};

use super::{check_own, no_interface, taken_addresses};
use crate::api::interface::{AssignPrivateAddresses, WantedAddresses};
use crate::cloud::{Cloud, Result, internal, port_failed};

/// The most private addresses of an interface that is attached to nothing, whose instance type isn't known yet.
const MAX_UNATTACHED: u32 = 15;

impl Cloud {
    /// Gives an interface secondary private addresses, and tells which.
    pub async fn assign_private_addresses(&self, request: AssignPrivateAddresses) -> Result<Vec<Ipv4Addr>> {
        let allocation = self.inner.allocation.lock().await;
        let held = self.inner.store.interfaces().await.map_err(internal)?;
        let interface = self.own_interface(&request.interface_id).await?;
        self.check_address_count(&interface, request.wanted.count()).await?;
        let subnets = self.inner.store.subnets().await.map_err(internal)?;
        let subnet = subnets.into_iter().find(|record| record.subnet.id == interface.subnet_id);
        let subnet = subnet.ok_or_else(|| CloudError::internal("an interface's subnet is not there"))?;
        let addresses = match &request.wanted {
            WantedAddresses::Count(count) => free_addresses(&subnet, &held, *count)?,
            WantedAddresses::These(list) => {
                check_wanted(&subnet, &held, list, request.reassign)?;
                list.clone()
            }
        };
        let former: Vec<_> = addresses
            .iter()
            .filter_map(|address| Some((owner(&held, &interface, *address)?, IpAddr::V4(*address))))
            .filter(|(owner, _)| owner.id != interface.id)
            .collect();
        let all = ips(&addresses);
        let store = &self.inner.store;
        store.assign_addresses(&interface, &all, request.reassign).await.map_err(internal)?;
        drop(allocation);
        if let Err(failure) = self.inner.keeper.sync().await {
            // The caller hears of a failure: then all must be as it was.
            self.put_addresses_back(&interface, &all, &former).await;
            return Err(port_failed(failure));
        }
        info!(interface = %interface.id, count = addresses.len(), "an interface has further private addresses");
        Ok(addresses)
    }

    /// Takes secondary private addresses of an interface away. Elastic addresses that lead to them are idle then.
    pub async fn unassign_private_addresses(&self, id: &InterfaceId, addresses: &[Ipv4Addr]) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let interface = self.own_interface(id).await?;
        let mut once = HashSet::new();
        for address in addresses {
            let secondary = interface.secondary.iter().any(|held| held.private_ip == *address);
            if !secondary || !once.insert(*address) {
                let text = match *address == interface.private_ip {
                    true => "The primary private address of an interface cannot be unassigned".to_owned(),
                    false => format!(
                        "Some of the specified addresses are not assigned to interface {id}: {address}"
                    ),
                };
                return Err(CloudError::invalid_value(text));
            }
        }
        let done = self.inner.store.unassign_addresses(id, &ips(addresses)).await;
        drop(allocation);
        match done {
            Err(StoreError::Gone(_)) => return Err(no_interface(id)),
            done => done.map_err(internal)?,
        }
        info!(interface = %id, count = addresses.len(), "private addresses of an interface were taken away");
        self.inner.keeper.sync().await.map_err(port_failed)
    }

    /// An interface that is not changed with something else alone.
    async fn own_interface(&self, id: &InterfaceId) -> Result<NetworkInterface> {
        let interface = self.network_interface(id).await?;
        check_own(&interface)?;
        Ok(interface)
    }

    async fn check_address_count(&self, interface: &NetworkInterface, more: usize) -> Result<()> {
        let limit = match &interface.attachment {
            Some(attachment) => {
                let record = self.record(&attachment.instance_id).await?;
                self.instance_type(&record.instance_type)?.addresses_per_interface
            }
            None => MAX_UNATTACHED,
        };
        check_limit(&interface.id, 1 + interface.secondary.len() + more, limit)
    }

    async fn put_addresses_back(
        &self,
        interface: &NetworkInterface,
        assigned: &[IpAddr],
        former: &[(&NetworkInterface, IpAddr)],
    ) {
        let (store, moved) = (&self.inner.store, |ip: &IpAddr| former.iter().any(|(_, other)| other == ip));
        let known = |ip: &IpAddr| interface.secondary.iter().any(|held| IpAddr::V4(held.private_ip) == *ip);
        let new: Vec<_> = assigned.iter().copied().filter(|ip| !moved(ip) && !known(ip)).collect();
        let mut failures: Vec<_> =
            store.unassign_addresses(&interface.id, &new).await.err().into_iter().collect();
        for (owner, address) in former {
            failures.extend(store.assign_addresses(owner, &[*address], true).await.err());
        }
        for failure in failures {
            error!(interface = %interface.id, error = &failure as &dyn std::error::Error, "addresses can't be put back");
        }
    }
}

/// The limit of private addresses on an interface, the primary one among them.
pub(super) fn check_limit(id: &InterfaceId, count: usize, limit: u32) -> Result<()> {
    if count <= limit as usize {
        return Ok(());
    }
    let text = format!("Number of private addresses will exceed limit: {id} can have {limit}, not {count}");
    Err(CloudError::new(ErrorCode::PrivateIpAddressLimitExceeded, text))
}

fn ips(addresses: &[Ipv4Addr]) -> Vec<IpAddr> {
    addresses.iter().copied().map(IpAddr::V4).collect()
}

/// The interface of the same VPC that has an address.
fn owner<'a>(
    held: &'a [InterfaceRecord],
    interface: &NetworkInterface,
    address: Ipv4Addr,
) -> Option<&'a NetworkInterface> {
    let mut all = held.iter().map(|record| &record.interface);
    all.find(|other| other.vpc_id == interface.vpc_id && other.addresses().any(|a| a.private_ip == address))
}

fn free_addresses(record: &SubnetRecord, held: &[InterfaceRecord], count: u32) -> Result<Vec<Ipv4Addr>> {
    let subnet = &record.subnet;
    let mut taken = taken_addresses(held, &subnet.vpc_id);
    let (mut last, mut free) = (record.last_private_ip, Vec::new());
    for _ in 0..count {
        let next = next_free(subnet.cidr, last, |address| taken.contains(&address)).ok_or_else(|| {
            let text = format!("The subnet '{}' has not {count} free addresses", subnet.id);
            CloudError::new(ErrorCode::InsufficientFreeAddressesInSubnet, text)
        })?;
        taken.insert(next);
        last = Some(next);
        free.push(next);
    }
    Ok(free)
}

/// Each address must be one of the subnet, given once, and free; or a secondary one that may be moved.
fn check_wanted(
    record: &SubnetRecord,
    held: &[InterfaceRecord],
    wanted: &[Ipv4Addr],
    reassign: bool,
) -> Result<()> {
    let subnet = &record.subnet;
    let taken = taken_addresses(held, &subnet.vpc_id);
    let movable = |address: &Ipv4Addr| {
        let mut interfaces = held.iter().map(|held| &held.interface).filter(|e| e.vpc_id == subnet.vpc_id);
        interfaces.any(|eni| {
            eni.kind == InterfaceKind::Interface && eni.secondary.iter().any(|a| a.private_ip == *address)
        })
    };
    let mut once = HashSet::new();
    for address in wanted {
        if !is_assignable(subnet.cidr, *address) || !once.insert(*address) {
            return Err(CloudError::invalid_value(format!(
                "Address {address} is given twice or is not one of subnet '{}' ({}) that an interface can have",
                subnet.id, subnet.cidr
            )));
        }
        if taken.contains(address) && !(reassign && movable(address)) {
            let text = format!("Address {address} is in use.");
            return Err(CloudError::new(ErrorCode::InvalidIpAddressInUse, text));
        }
    }
    Ok(())
}
