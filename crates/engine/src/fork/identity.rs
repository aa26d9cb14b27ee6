//! Who a fork is: told to its guest by the agent before it can use the network, whose check of addresses lets nothing
//! of its source's pass.

use std::time::Duration;

use cumulet_model::address::{private_host_name, router};
use cumulet_ports::{PortError, PortResult};
use cumulet_store::{InstanceRecord, InterfaceRecord, SubnetRecord};

use super::ForkPoint;
use crate::agent::{ForkInterface, give_identity, new_identity};
use crate::cloud::Cloud;
use crate::driver::store_failed;

/// How long a guest may take to become another machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes the guest of a fork that has just begun another machine than its source's.
pub(crate) async fn assign(cloud: &Cloud, record: &InstanceRecord, point: &ForkPoint) -> PortResult<()> {
    let inner = &cloud.inner;
    let mine = inner.store.interfaces_of(&record.id).await.map_err(store_failed)?;
    let subnets = inner.store.subnets().await.map_err(store_failed)?;
    let host_name = mine.first().map(|held| private_host_name(held.interface.private_ip)).unwrap_or_default();
    let interfaces: Vec<_> = mine.iter().filter_map(|held| interface(held, &subnets, point)).collect();
    let refused = |error| PortError::new("the fork's guest could not be told who it is", error);
    let wanted = new_identity(&record.id, &host_name, &interfaces, inner.clock.now()).map_err(refused)?;
    let done = give_identity(&*inner.ports.vms, &record.id, &wanted, LIMIT).await.map_err(refused)?;
    match done.problems.as_slice() {
        [] => Ok(()),
        problems => {
            let text = format!("the fork's guest did not become another machine: {}", problems.join("; "));
            Err(PortError::plain(text))
        }
    }
}

fn interface(held: &InterfaceRecord, subnets: &[SubnetRecord], point: &ForkPoint) -> Option<ForkInterface> {
    let interface = &held.interface;
    let index = interface.attachment.as_ref()?.device_index;
    let subnet = subnets.iter().find(|record| record.subnet.id == interface.subnet_id)?.subnet.cidr;
    let (_, source_mac) = point.interfaces.get(&index)?;
    Some(ForkInterface {
        mac: interface.mac,
        source_mac: *source_mac,
        address: interface.private_ip,
        prefix: subnet.prefix_len(),
        gateway: Some(router(subnet)),
    })
}
