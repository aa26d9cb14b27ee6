//! The answers that a VPC needs from the daemon: DHCP and DNS, as tasks that live as long as their [`Services`].

use std::collections::HashMap;
use std::sync::Arc;

use cumulet_model::address;
use cumulet_ports::network::VpcSpec;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::NetConfig;
use crate::dhcp::{self, Lease};
use crate::dns::{self, Zone, forward::Forwarder};
use crate::error::NetError;
use crate::l3::Links;
use crate::names::{self, DNS_LINK_LOCAL};
use crate::sys::NetNs;

/// The running services of one VPC; dropping them ends them.
pub struct Services {
    leases: watch::Sender<dhcp::server::Leases>,
    zone: watch::Sender<Arc<Zone>>,
    tasks: JoinSet<()>,
}

impl Services {
    /// Starts the services of a VPC that has been applied.
    pub async fn start(
        config: &NetConfig,
        forwarder: Forwarder,
        ns: &NetNs,
        links: &Links,
        vpc: &VpcSpec,
    ) -> Result<Self, NetError> {
        let (leases, leases_seen) = watch::channel(leases(config, links, vpc));
        let (zone, zone_seen) = watch::channel(Arc::new(zone(config, vpc)));
        let dhcp = dhcp::server::bind(ns).await?;
        let dns = dns::server::bind(ns, [address::dns(vpc.cidr), DNS_LINK_LOCAL]).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(dhcp::server::serve(dhcp, leases_seen));
        tasks.spawn(dns::server::serve(dns, zone_seen, forwarder));
        Ok(Self { leases, zone, tasks })
    }

    /// Whether one of them ended, which only a fault of ours can bring about.
    pub fn have_failed(&mut self) -> bool {
        self.tasks.try_join_next().is_some()
    }

    /// Tells the services what the VPC has become.
    pub fn update(&self, config: &NetConfig, links: &Links, vpc: &VpcSpec) {
        let leases = leases(config, links, vpc);
        self.leases.send_if_modified(|held| {
            let differs = *held != leases;
            *held = leases;
            differs
        });
        self.zone.send_replace(Arc::new(zone(config, vpc)));
    }
}

fn leases(config: &NetConfig, links: &Links, vpc: &VpcSpec) -> dhcp::server::Leases {
    let mut leases = HashMap::new();
    for interface in &vpc.interfaces {
        let subnet = vpc.subnets.iter().find(|subnet| subnet.id == interface.subnet_id);
        let link = links.get(&names::tap(&interface.id));
        let (Some(subnet), Some(link)) = (subnet, link) else { continue };
        let lease = Lease {
            mac: interface.mac,
            address: interface.private_ip,
            subnet: subnet.cidr,
            router: address::router(subnet.cidr),
            dns: address::dns(vpc.cidr),
            domain: config.region.private_domain(),
            host_name: interface.host_name.clone(),
            mtu: config.mtu,
        };
        leases.insert(link.index, lease);
    }
    leases
}

fn zone(config: &NetConfig, vpc: &VpcSpec) -> Zone {
    let addresses = vpc.interfaces.iter().map(|interface| (interface.private_ip, interface.public_ip));
    Zone::new(&config.region, vpc.cidr, config.public_pool, addresses)
}
