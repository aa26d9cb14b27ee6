//! The answers that a VPC needs from the daemon: DHCP and DNS, as tasks that live as long as their [`Services`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use cumulet_model::address;
use cumulet_ports::network::VpcSpec;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::NetConfig;
use crate::dhcp::{self, Lease, Options};
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
        let addresses = [address::dns(vpc.cidr), DNS_LINK_LOCAL].map(IpAddr::from);
        let dns = dns::server::bind(ns, addresses.into()).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(dhcp::server::serve(dhcp, leases_seen));
        tasks.spawn(dns::server::serve(dns, zone_seen, Some(forwarder)));
        Ok(Self { leases, zone, tasks })
    }

    /// Whether one of them ended, which only a fault of ours can bring about.
    pub fn have_failed(&mut self) -> bool {
        self.tasks.try_join_next().is_some()
    }

    /// Whether two states of a VPC are not the same to its services.
    pub fn tell_apart(a: &VpcSpec, b: &VpcSpec) -> bool {
        let seen = |vpc: &VpcSpec| {
            (vpc.cidr, vpc.more_cidrs.clone(), vpc.ipv6_cidrs.clone(), vpc.dns, vpc.dhcp.clone())
        };
        a.interfaces != b.interfaces || a.subnets != b.subnets || seen(a) != seen(b)
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
    let options = Options::of(&vpc.dhcp, address::dns(vpc.cidr), &config.region.private_domain());
    for interface in &vpc.interfaces {
        let subnet = vpc.subnets.iter().find(|subnet| subnet.id == interface.subnet_id);
        let link = links.get(&names::tap(&interface.id));
        let (Some(subnet), Some(link)) = (subnet, link) else { continue };
        let lease = Lease {
            mac: interface.mac,
            address: interface.private_ip,
            subnet: subnet.cidr,
            router: address::router(subnet.cidr),
            options: options.clone(),
            host_name: interface.host_name.clone(),
            mtu: config.mtu,
        };
        leases.insert(link.index, lease);
    }
    leases
}

fn zone(config: &NetConfig, vpc: &VpcSpec) -> Zone {
    Zone::new(&config.region, &[config.public_pool], vpc)
}
