//! The answers that a VPC needs from the daemon: DHCP, DNS and router advertisements, as tasks that live as long as their [`Services`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use cumulet_model::{SubnetId, address};
use cumulet_ports::network::{InterfaceSpec, VpcSpec};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

use crate::advertise;
use crate::config::NetConfig;
use crate::dhcp::{self, Lease, Options};
use crate::dhcpv6;
use crate::dns::{self, Zone, forward::Forwarder};
use crate::error::NetError;
use crate::l3::Links;
use crate::names::{self, DNS_LINK_LOCAL, DNS_LINK_LOCAL_V6};
use crate::sys::NetNs;

/// The running services of one VPC; dropping them ends them.
pub struct Services {
    leases: watch::Sender<dhcp::server::Leases>,
    zone: watch::Sender<Arc<Zone>>,
    forwarder: Forwarder,
    ns: NetNs,
    tasks: JoinSet<()>,
    /// Those for IPv6, once the VPC has it.
    ipv6: Option<Ipv6>,
}

/// The running services for IPv6.
struct Ipv6 {
    leases: watch::Sender<dhcpv6::server::Leases>,
    taps: watch::Sender<advertise::Taps>,
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
        tasks.spawn(dns::server::serve(dns, zone_seen, Some(forwarder.clone())));
        let mut services = Self { leases, zone, forwarder, ns: ns.clone(), tasks, ipv6: None };
        services.update_ipv6(config, links, vpc).await;
        Ok(services)
    }

    /// Whether one of them ended, which only a fault of ours can bring about.
    pub fn have_failed(&mut self) -> bool {
        let ipv6 = self.ipv6.as_mut().map(|services| &mut services.tasks);
        [Some(&mut self.tasks), ipv6].into_iter().flatten().any(|tasks| tasks.try_join_next().is_some())
    }

    /// Whether two states of a VPC are not the same to its services.
    pub fn tell_apart(a: &VpcSpec, b: &VpcSpec) -> bool {
        let seen = |vpc: &VpcSpec| {
            (vpc.cidr, vpc.more_cidrs.clone(), vpc.ipv6_cidrs.clone(), vpc.dns, vpc.dhcp.clone())
        };
        a.interfaces != b.interfaces || a.subnets != b.subnets || seen(a) != seen(b)
    }

    /// Tells the services what the VPC has become.
    pub async fn update(&mut self, config: &NetConfig, links: &Links, vpc: &VpcSpec) {
        let leases = leases(config, links, vpc);
        replace(&self.leases, leases);
        self.zone.send_replace(Arc::new(zone(config, vpc)));
        self.update_ipv6(config, links, vpc).await;
    }

    /// Services that can't be started are tried again with the next update; until then IPv4 goes on alone.
    async fn update_ipv6(&mut self, config: &NetConfig, links: &Links, vpc: &VpcSpec) {
        if vpc.ipv6_cidrs.is_empty() {
            self.ipv6 = None;
            return;
        }
        let (leases, taps) = (leases_v6(config, links, vpc), taps_v6(config, links, vpc));
        match &self.ipv6 {
            Some(services) => {
                replace(&services.leases, leases);
                replace(&services.taps, taps);
            }
            None => match self.start_ipv6(leases, taps).await {
                Ok(services) => self.ipv6 = Some(services),
                Err(error) => {
                    warn!(vpc = %vpc.id, error = %error.chain(), "the services for IPv6 could not be started");
                }
            },
        }
    }

    async fn start_ipv6(
        &self,
        leases: dhcpv6::server::Leases,
        taps: advertise::Taps,
    ) -> Result<Ipv6, NetError> {
        let (leases, leases_seen) = watch::channel(leases);
        let (taps, taps_seen) = watch::channel(taps);
        let dns = dns::server::bind(&self.ns, vec![DNS_LINK_LOCAL_V6.into()]).await?;
        let advertiser = advertise::bind(&self.ns).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(dns::server::serve(dns, self.zone.subscribe(), Some(self.forwarder.clone())));
        tasks.spawn(advertise::serve(advertiser, taps_seen));
        tasks.spawn(dhcpv6::server::serve(self.ns.clone(), leases_seen));
        Ok(Ipv6 { leases, taps, tasks })
    }
}

fn replace<T: PartialEq>(held: &watch::Sender<T>, value: T) {
    held.send_if_modified(|held| {
        let differs = *held != value;
        *held = value;
        differs
    });
}

/// The interfaces whose subnets have IPv6, with the indexes of their taps.
fn with_ipv6<'a>(links: &'a Links, vpc: &'a VpcSpec) -> impl Iterator<Item = (u32, &'a InterfaceSpec)> {
    let has = |id: &SubnetId| vpc.subnets.iter().any(|subnet| subnet.id == *id && subnet.ipv6_cidr.is_some());
    let dual = vpc.interfaces.iter().filter(move |interface| has(&interface.subnet_id));
    dual.filter_map(|interface| Some((links.get(&names::tap(&interface.id))?.index, interface)))
}

fn leases_v6(config: &NetConfig, links: &Links, vpc: &VpcSpec) -> dhcpv6::server::Leases {
    let options = dhcpv6::Options::of(&vpc.dhcp, &config.region.private_domain());
    let lease = |interface: &InterfaceSpec| dhcpv6::Lease {
        addresses: interface.ipv6.clone(),
        options: options.clone(),
    };
    with_ipv6(links, vpc).map(|(index, interface)| (index, lease(interface))).collect()
}

fn taps_v6(config: &NetConfig, links: &Links, vpc: &VpcSpec) -> advertise::Taps {
    with_ipv6(links, vpc).map(|(index, _)| (index, config.mtu)).collect()
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
