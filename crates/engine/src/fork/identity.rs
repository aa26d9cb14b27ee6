//! Who a fork is: told to its guest by the agent before it can use the network, whose check of addresses lets nothing
//! of its source's pass.

use std::net::IpAddr;

use cumulet_agent_protocol::{Cidr, HostKey, HostKeys, Identity, Interface, Mac, Route, WallClock};
use cumulet_model::address::{private_host_name, router};
use cumulet_model::key::{KeyFormat, KeyType};
use cumulet_model::MacAddr;
use cumulet_ports::{PortError, PortResult};
use cumulet_store::{InstanceRecord, InterfaceRecord, SubnetRecord};
use rand::RngExt;

use super::ForkPoint;
use crate::cloud::Cloud;
use crate::driver::store_failed;
use crate::keygen;

/// Bytes of entropy that a fork gets.
const ENTROPY: usize = 256;

/// Makes the guest of a fork that has just begun another machine than its source's.
pub(crate) async fn assign(cloud: &Cloud, record: &InstanceRecord, point: &ForkPoint) -> PortResult<()> {
    let inner = &cloud.inner;
    let mine = inner.store.interfaces_of(&record.id).await.map_err(store_failed)?;
    let subnets = inner.store.subnets().await.map_err(store_failed)?;
    let now = inner.clock.now();
    let host_name = mine.first().map(|held| private_host_name(held.interface.private_ip));
    let identity = Identity {
        instance_id: Some(record.id.to_string()),
        machine_id: Some(format!("{:032x}", rand::rng().random::<u128>())),
        interfaces: mine.iter().filter_map(|held| interface(held, &subnets, point)).collect(),
        host_keys: host_keys(host_name.as_deref().unwrap_or_default())?,
        hostname: host_name,
        clock: Some(WallClock { seconds: now.as_second(), nanoseconds: now.subsec_nanosecond().unsigned_abs() }),
        entropy: (0..ENTROPY).map(|_| rand::rng().random()).collect(),
    };
    let done = inner.ports.agent.identity(&record.id, identity).await?;
    match done.problems.as_slice() {
        [] => Ok(()),
        problems => {
            let text = format!("the guest did not become another machine: {}", problems.join("; "));
            Err(PortError::plain(text))
        }
    }
}

fn interface(held: &InterfaceRecord, subnets: &[SubnetRecord], point: &ForkPoint) -> Option<Interface> {
    let interface = &held.interface;
    let index = interface.attachment.as_ref()?.device_index;
    let subnet = subnets.iter().find(|record| record.subnet.id == interface.subnet_id)?.subnet.cidr;
    // As DHCP tells it; the primary interface has the way out.
    let default = Route {
        destination: Cidr { address: IpAddr::from([0, 0, 0, 0]), prefix: 0 },
        gateway: Some(router(subnet).into()),
        metric: None,
    };
    Some(Interface {
        mac: mac(interface.mac),
        previous_mac: point.macs.get(&index).copied().map(mac),
        addresses: vec![Cidr { address: interface.private_ip.into(), prefix: subnet.prefix_len() }],
        routes: vec![default],
    })
}

/// A key made here: the guest's own processor and its young randomness have no part in it.
fn host_keys(host_name: &str) -> PortResult<HostKeys> {
    let key = keygen::generate(KeyType::Ed25519, KeyFormat::Pem, &format!("root@{host_name}"))
        .map_err(|error| PortError::new("no host key could be made", error))?;
    let (private, public) = (key.private_key, key.public.line);
    Ok(HostKeys::Replace(vec![HostKey { kind: "ed25519".to_owned(), private, public }]))
}

fn mac(address: MacAddr) -> Mac {
    Mac(address.0)
}
