//! Host capacity: vCPUs, memory and public addresses are never given out twice.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use cumulet_model::address::is_assignable;
use cumulet_model::catalogue::InstanceType;
use cumulet_model::state::{Intent, Machine};
use cumulet_model::{CloudError, ErrorCode, InstanceId, InterfaceId, Mib};
use ipnet::Ipv4Net;

use crate::cloud::{Cloud, Result, internal};

/// Public addresses by instance and interface.
pub(crate) type DueAddresses = HashMap<InstanceId, Vec<(InterfaceId, Ipv4Addr)>>;

impl Cloud {
    /// The instance type of that name.
    pub(crate) fn instance_type(&self, name: &str) -> Result<&InstanceType> {
        self.inner.config.instance_types.iter().find(|kind| kind.name == name).ok_or_else(|| {
            CloudError::new(
                ErrorCode::InvalidParameterValue,
                format!("Invalid value '{}' for InstanceType.", name.chars().take(64).collect::<String>()),
            )
        })
    }

    /// Refuses more instances than the host can carry beside those that run. The allocation lock must be held.
    pub(crate) async fn check_capacity(&self, wanted: impl Iterator<Item = (&str, u32)>) -> Result<()> {
        let capacity = self.inner.config.capacity;
        let (mut vcpus, mut memory) = (0u64, 0u64);
        for (name, count) in wanted {
            let kind = self.instance_type(name)?;
            if kind.vcpus > capacity.vcpus_per_instance {
                return Err(insufficient(format!(
                    "{name} has {} vCPUs; an instance on this host can have at most {}",
                    kind.vcpus, capacity.vcpus_per_instance
                )));
            }
            vcpus += u64::from(kind.vcpus) * u64::from(count);
            memory += kind.memory.0.saturating_mul(u64::from(count));
        }
        let (used_vcpus, used_memory) = self.used_capacity().await?;
        vcpus += used_vcpus;
        memory += used_memory;
        if memory > capacity.memory.0 {
            return Err(insufficient(format!(
                "the running instances and these would need {}, this host gives {}",
                Mib(memory),
                capacity.memory
            )));
        }
        if vcpus > u64::from(capacity.vcpus) {
            return Err(insufficient(format!(
                "the running instances and these would need {vcpus} vCPUs, this host gives {}",
                capacity.vcpus
            )));
        }
        Ok(())
    }

    /// The vCPUs and MiB of memory of the instances that run or are about to.
    async fn used_capacity(&self) -> Result<(u64, u64)> {
        let (mut vcpus, mut memory) = (0, 0);
        for record in self.inner.store.instances().await.map_err(internal)? {
            let off = matches!(record.machine, Machine::Off | Machine::Released);
            if off && record.intent != Intent::Run || record.machine == Machine::Released {
                continue;
            }
            if let Ok(kind) = self.instance_type(&record.instance_type) {
                vcpus += u64::from(kind.vcpus);
                memory += kind.memory.0;
            }
        }
        Ok((vcpus, memory))
    }

    /// The largest count from `least` to `most` of instances of a type that the host can carry beside those that run.
    /// The allocation lock must be held.
    pub(crate) async fn affordable(&self, name: &str, least: u32, most: u32) -> Result<u32> {
        let kind = self.instance_type(name)?;
        let (vcpus, memory) = self.used_capacity().await?;
        let capacity = self.inner.config.capacity;
        let fit = |total: u64, used: u64, each: u64| total.saturating_sub(used) / each.max(1);
        let carried = fit(u64::from(capacity.vcpus), vcpus, u64::from(kind.vcpus)).min(fit(
            capacity.memory.0,
            memory,
            kind.memory.0,
        ));
        let count = u32::try_from(carried).unwrap_or(u32::MAX).clamp(least, most);
        self.check_capacity(std::iter::once((name, count))).await?;
        Ok(count)
    }

    /// From `least` to `most` public addresses that nobody has. The allocation lock must be held until they are written.
    pub(crate) async fn free_public_addresses(&self, least: usize, most: usize) -> Result<Vec<Ipv4Addr>> {
        let taken = self.taken_public_addresses().await?;
        let pool = self.inner.ports.network.public_pool();
        let free: Vec<_> = assignable(pool).filter(|address| !taken.contains(address)).take(most).collect();
        if free.len() < least {
            return Err(CloudError::new(
                ErrorCode::AddressLimitExceeded,
                format!(
                    "the pool of public addresses {pool} has only {} left, {least} are needed",
                    free.len()
                ),
            ));
        }
        Ok(free)
    }

    /// The public addresses that interfaces have or that are allocated.
    pub(crate) async fn taken_public_addresses(&self) -> Result<HashSet<Ipv4Addr>> {
        let interfaces = self.inner.store.interfaces().await.map_err(internal)?;
        let elastic = self.inner.store.addresses().await.map_err(internal)?;
        let dynamic = interfaces.iter().filter_map(|r| r.interface.public_ip);
        Ok(dynamic.chain(elastic.iter().map(|address| address.public_ip)).collect())
    }

    /// Public addresses for the interfaces of stopped instances that are due one with a start. The allocation lock must
    /// be held until they are written.
    pub(crate) async fn due_addresses(&self, ids: &[&InstanceId]) -> Result<DueAddresses> {
        let mut due = Vec::new();
        for id in ids {
            let held = self.inner.store.interfaces_of(id).await.map_err(internal)?;
            let lacking =
                held.into_iter().filter(|held| held.auto_public_ip && held.interface.public_ip.is_none());
            due.extend(lacking.map(|held| ((*id).clone(), held.interface.id)));
        }
        let mut free = self.free_public_addresses(due.len(), due.len()).await?.into_iter();
        let mut addresses = DueAddresses::new();
        for ((instance, interface), address) in due.into_iter().zip(&mut free) {
            addresses.entry(instance).or_default().push((interface, address));
        }
        Ok(addresses)
    }
}

/// The addresses of the pool that can be given out; as in a subnet, the first four and the last are kept.
fn assignable(pool: Ipv4Net) -> impl Iterator<Item = Ipv4Addr> {
    pool.hosts().filter(move |address| is_assignable(pool, *address))
}

fn insufficient(why: String) -> CloudError {
    CloudError::new(ErrorCode::InsufficientInstanceCapacity, format!("Insufficient capacity: {why}"))
}
