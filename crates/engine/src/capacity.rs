//! Host capacity: vCPUs, memory and public addresses are never given out twice.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use cumulet_model::address::is_assignable;
use cumulet_model::catalogue::InstanceType;
use cumulet_model::state::{Intent, Machine};
use cumulet_model::{CloudError, ErrorCode, InstanceId, Mib};
use cumulet_store::StoreError;
use ipnet::Ipv4Net;

use crate::cloud::{Cloud, Result, internal};

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

    /// `count` public addresses that nobody has. The allocation lock must be held until they are written.
    pub(crate) async fn free_public_addresses(&self, count: usize) -> Result<Vec<Ipv4Addr>> {
        let interfaces = self.inner.store.interfaces().await.map_err(internal)?;
        let taken: HashSet<_> = interfaces.iter().filter_map(|r| r.interface.public_ip).collect();
        let pool = self.inner.ports.network.public_pool();
        let free: Vec<_> = assignable(pool).filter(|address| !taken.contains(address)).take(count).collect();
        if free.len() < count {
            return Err(CloudError::new(
                ErrorCode::AddressLimitExceeded,
                format!(
                    "the pool of public addresses {pool} has only {} left, {count} are needed",
                    free.len()
                ),
            ));
        }
        Ok(free)
    }

    /// Gives the interfaces of a stopped instance the public addresses that a start is due. The allocation lock must
    /// be held.
    pub(crate) async fn give_public_addresses(&self, id: &InstanceId) -> Result<()> {
        for held in self.inner.store.interfaces_of(id).await.map_err(internal)? {
            if held.auto_public_ip && held.interface.public_ip.is_none() {
                let address = self.free_public_addresses(1).await?.pop();
                self.inner.store.set_public_ip(&held.interface.id, address).await.map_err(
                    |error| match error {
                        StoreError::Gone(_) => CloudError::new(
                            ErrorCode::IncorrectInstanceState,
                            format!("The instance '{id}' was terminated in the meantime"),
                        ),
                        error => internal(error),
                    },
                )?;
            }
        }
        Ok(())
    }
}

/// The addresses of the pool that can be given out; as in a subnet, the first four and the last are kept.
fn assignable(pool: Ipv4Net) -> impl Iterator<Item = Ipv4Addr> {
    pool.hosts().filter(move |address| is_assignable(pool, *address))
}

fn insufficient(why: String) -> CloudError {
    CloudError::new(ErrorCode::InsufficientInstanceCapacity, format!("Insufficient capacity: {why}"))
}
