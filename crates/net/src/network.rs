//! [`HostNetwork`], the port's implementation: one lock, the namespaces that are held open and the services in them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use async_trait::async_trait;
use cumulet_model::{FlowLogId, InterfaceId, VpcId};
use cumulet_ports::network::{ApplyReport, FlowLogLine, FlowLogStatus, Network, NetworkSpec, VpcSpec};
use cumulet_ports::walk::{Leg, Walked};
use cumulet_ports::{PortError, PortResult};
use ipnet::{Ipv4Net, Ipv6Net};
use tokio::sync::{Mutex, Notify, mpsc};
use tracing::{info, warn};

use crate::config::NetConfig;
use crate::dns::forward::Forwarder;
use crate::dns::stub::Stub;
use crate::error::NetError;
use crate::explain::Journey;
use crate::flow_logs::report::Site;
use crate::flow_logs::{self, Archive, Capture};
use crate::handed_out::HandedOut;
use crate::known::Known;
use crate::l3;
use crate::names::{self, METADATA};
use crate::plan;
use crate::reconcile::{self, edge, host, teardown, validate, vpc};
use crate::services::Services;
use crate::sys::{NetNs, netns, tap};

const METADATA_PORT: u16 = 80;

/// The network of one installation on this host.
pub struct HostNetwork {
    config: NetConfig,
    host: NetNs,
    forwarder: Forwarder,
    archive: Arc<Archive>,
    held: Mutex<Held>,
    /// Told when a VPC's namespace comes or goes.
    changed: Notify,
}

/// What is held open between calls, and what the kernel is known to hold since it was last looked at.
#[derive(Default)]
struct Held {
    edge: Option<NetNs>,
    vpcs: BTreeMap<String, HeldVpc>,
    known: Option<Known>,
    /// What was wanted last of each VPC, whatever became of it.
    wished: BTreeMap<VpcId, Arc<VpcSpec>>,
    stub: Stub,
}

struct HeldVpc {
    ns: NetNs,
    handed_out: HandedOut,
    services: Option<Services>,
    flow_logs: Option<Capture>,
}

impl HostNetwork {
    /// The network whose host is the namespace of the calling thread. Changes nothing yet. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the thread's namespace can't be opened or a netlink socket in it can't be.
    pub fn new(config: NetConfig) -> Result<Self, NetError> {
        let host = NetNs::current("host")?;
        let forwarder = Forwarder::new(NetNs::current("host's DNS")?, config.resolvers.clone());
        let archive = Arc::new(Archive::new(config.flow_logs.clone()));
        Ok(Self { config, host, forwarder, archive, held: Mutex::default(), changed: Notify::new() })
    }

    /// The interfaces of the taps that were applied.
    async fn taps(&self) -> BTreeMap<String, InterfaceId> {
        let held = self.held.lock().await;
        let vpcs = held.known.iter().flat_map(|known| known.vpcs.values());
        let interfaces = vpcs.flat_map(|vpc| &vpc.spec.interfaces);
        interfaces.map(|interface| (names::tap(&interface.id), interface.id.clone())).collect()
    }

    async fn apply_all(&self, desired: &NetworkSpec) -> Result<ApplyReport, NetError> {
        validate::validate(&self.config, desired)?;
        let mut held = self.held.lock().await;
        let mut changes = Vec::new();
        // What is known is lost if this call is broken off.
        let known = held.known.take();
        for (id, vpc) in known.iter().flat_map(|known| &known.vpcs) {
            held.wished.insert(id.clone(), Arc::clone(&vpc.spec));
        }
        held.wished.retain(|id, _| desired.vpcs.iter().any(|vpc| vpc.id == *id));
        let known = known.filter(|known| known.leads_to(desired));
        let advanced = match known {
            Some(known) => self.advance(&mut held, known, desired, &mut changes).await,
            None => None,
        };
        let result = match advanced {
            Some(known) => Ok(known),
            None => self.look_and_apply(&mut held, desired, &mut changes).await,
        };
        for change in &changes {
            info!(tag = %self.config.tag, "network: {change}");
        }
        self.archive.tend(desired);
        held.known = Some(result?);
        held.stub.tell(&self.config, &self.host, desired).await;
        Ok(ApplyReport { changes })
    }

    /// Goes from what is known to what is wanted by the difference of the two. `None` if that can't be: somebody altered
    /// something in between.
    async fn advance(
        &self,
        held: &mut Held,
        mut known: Known,
        desired: &NetworkSpec,
        changes: &mut Vec<String>,
    ) -> Option<Known> {
        let edge = held.edge.clone().filter(NetNs::is_named)?;
        let advanced = async {
            for spec in &desired.vpcs {
                let Some(held) = held.vpcs.get_mut(&names::vpc_namespace(&self.config.tag, &spec.id)) else {
                    return Ok(false);
                };
                let Some(services) = held.services.as_mut() else { return Ok(false) };
                if !held.ns.is_named() || services.have_failed() {
                    return Ok(false);
                }
                let Some(held_vpc) = known.take_changed(spec) else { continue };
                let told_apart = Services::tell_apart(&held_vpc.spec, spec);
                let reached = vpc::advance(
                    &self.config,
                    known.uplink_mtu,
                    (&held.ns, &held.handed_out),
                    held_vpc,
                    spec,
                    changes,
                )
                .await?;
                if told_apart {
                    services.update(&self.config, &reached.links, spec).await;
                }
                let site = self.site(spec);
                flow_logs::keep(&mut held.flow_logs, &held.ns, site, &self.archive, spec, &reached.links)
                    .await?;
                known.vpcs.insert(spec.id.clone(), reached);
            }
            let held_edge = std::mem::take(&mut known.edge);
            known.edge =
                edge::advance(&self.config, known.uplink_mtu, &edge, held_edge, desired, changes).await?;
            Ok::<_, NetError>(true)
        };
        match advanced.await {
            Ok(true) => Some(known),
            Ok(false) => None,
            Err(error) => {
                info!(error = %error.chain(), "the network is not as it was left; all of it is looked at");
                None
            }
        }
    }

    /// Looks at what there is and makes it what is wanted.
    async fn look_and_apply(
        &self,
        held: &mut Held,
        desired: &NetworkSpec,
        changes: &mut Vec<String>,
    ) -> Result<Known, NetError> {
        let (mut known, mut errors) = (Known::nothing(), Vec::new());
        match self.apply_edge(held, desired, changes).await {
            Ok((edge, mtu)) => {
                known.uplink_mtu = mtu;
                for vpc in &desired.vpcs {
                    match self.apply_vpc(held, (&edge, mtu), vpc, changes).await {
                        Ok(reached) => drop(known.vpcs.insert(vpc.id.clone(), reached)),
                        Err(error) => errors.push(error),
                    }
                }
                // The edge's links to VPCs come into being with the VPCs, so its routes are last.
                match edge::reconcile(&self.config, mtu, &edge, desired, changes).await {
                    Ok(reached) => known.edge = reached,
                    Err(error) => errors.push(error),
                }
            }
            Err(error) => errors.push(error),
        }
        errors.extend(self.remove_stale(held, desired, changes).await.err());
        NetError::collect(errors).map(|()| known)
    }

    /// Gives the edge's namespace and the MTU of the host's way out.
    async fn apply_edge(
        &self,
        held: &mut Held,
        desired: &NetworkSpec,
        changes: &mut Vec<String>,
    ) -> Result<(NetNs, u32), NetError> {
        let with_v6 = desired.vpcs.iter().any(plan::has_v6);
        let name = names::edge_namespace(&self.config.tag);
        let edge = reconcile::namespace(held.edge.as_ref(), &name, changes)?;
        held.edge = Some(edge.clone());
        l3::settle(&edge, plan::router(with_v6), changes).await?;
        let uplink_mtu = host::reconcile(&self.config, &self.host, (&edge, with_v6), changes).await?;
        Ok((edge, uplink_mtu))
    }

    async fn apply_vpc(
        &self,
        held: &mut Held,
        (edge, uplink_mtu): (&NetNs, u32),
        spec: &VpcSpec,
        changes: &mut Vec<String>,
    ) -> Result<vpc::Known, NetError> {
        let name = names::vpc_namespace(&self.config.tag, &spec.id);
        let ns = reconcile::namespace(held.vpcs.get(&name).map(|vpc| &vpc.ns), &name, changes)?;
        if !held.vpcs.contains_key(&name) {
            self.changed.notify_one();
        }
        let entry = held.vpcs.entry(name).or_insert_with(|| HeldVpc {
            ns: ns.clone(),
            handed_out: HandedOut::default(),
            services: None,
            flow_logs: None,
        });
        l3::settle(&ns, plan::router(plan::has_v6(spec)), changes).await?;
        let before = held.wished.get(&spec.id).map(Arc::as_ref);
        let own = (&ns, &entry.handed_out);
        let reached = vpc::reconcile(&self.config, uplink_mtu, own, edge, (before, spec), changes).await?;
        if entry.services.as_mut().is_some_and(Services::have_failed) {
            entry.services = None;
            changes.push(format!("{}: DHCP and DNS started anew", ns.name()));
        }
        let links = &reached.links;
        match &mut entry.services {
            Some(services) => services.update(&self.config, links, spec).await,
            None => {
                let forwarder = self.forwarder.clone();
                entry.services = Some(Services::start(&self.config, forwarder, &ns, links, spec).await?);
            }
        }
        flow_logs::keep(&mut entry.flow_logs, &ns, self.site(spec), &self.archive, spec, links).await?;
        Ok(reached)
    }

    /// Removes the namespaces of VPCs that are no more.
    async fn remove_stale(
        &self,
        held: &mut Held,
        desired: &NetworkSpec,
        changes: &mut Vec<String>,
    ) -> Result<(), NetError> {
        let wanted: BTreeSet<String> =
            desired.vpcs.iter().map(|vpc| names::vpc_namespace(&self.config.tag, &vpc.id)).collect();
        let before = held.vpcs.len();
        for capture in held.vpcs.iter().filter(|(name, _)| !wanted.contains(*name)) {
            flow_logs::settle(&capture.1.flow_logs).await;
        }
        held.vpcs.retain(|name, _| wanted.contains(name));
        if held.vpcs.len() < before {
            self.changed.notify_one();
        }
        let mut errors = Vec::new();
        for name in netns::list(&names::vpc_namespace_prefix(&self.config.tag)) {
            if !wanted.contains(&name) {
                errors.extend(teardown::remove_namespace(&name).await.err());
                changes.push(format!("namespace {name} removed"));
            }
        }
        NetError::collect(errors)
    }

    fn site(&self, spec: &VpcSpec) -> Site {
        Site { vpc: spec.id.clone(), region: self.config.region.clone() }
    }

    async fn namespace(&self, vpc: &VpcId) -> Result<(NetNs, HandedOut), NetError> {
        let name = names::vpc_namespace(&self.config.tag, vpc);
        let held = self.held.lock().await;
        if let Some(vpc) = held.vpcs.get(&name) {
            return Ok((vpc.ns.clone(), vpc.handed_out.clone()));
        }
        let ns = NetNs::open(&name)?.ok_or(NetError::Missing { what: format!("the network of {vpc}") })?;
        Ok((ns, HandedOut::default()))
    }

    /// How many queues an interface was to have when its tap was made.
    async fn queues_of(&self, vpc: &VpcId, interface: &InterfaceId) -> u32 {
        let held = self.held.lock().await;
        let spec = held.known.as_ref().and_then(|known| known.vpcs.get(vpc)).map(|vpc| &vpc.spec);
        let found = spec.and_then(|spec| spec.interfaces.iter().find(|it| it.id == *interface));
        found.map_or(1, |interface| interface.queues)
    }

    async fn open_tap_of(&self, vpc: &VpcId, interface: &InterfaceId) -> Result<Vec<OwnedFd>, NetError> {
        let (ns, handed_out) = self.namespace(vpc).await?;
        let name = names::tap(interface);
        // Opening a name that is not there would make a tap that nobody knows of.
        if l3::link(&ns, &name).await?.is_none() {
            return Err(NetError::Missing { what: format!("the tap of {interface}") });
        }
        handed_out.let_go(&name);
        let opened = {
            let (name, queues) = (name.clone(), self.queues_of(vpc, interface).await);
            ns.run(move || tap::open_queues(&name, queues)).await.flatten()?
        };
        handed_out.add(&name, &opened).map_err(NetError::io(format!("keep tap {name} open")))?;
        Ok(opened)
    }

    async fn listen_for_metadata(&self, vpc: &VpcId) -> Result<TcpListener, NetError> {
        let listener = self
            .namespace(vpc)
            .await?
            .0
            .run(|| {
                // Of both families: the firewall lets in what goes to the service's two addresses and nothing else. A host
                // without IPv6 has the one.
                let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, METADATA_PORT))
                    .or_else(|_| TcpListener::bind((METADATA, METADATA_PORT)))?;
                listener.set_nonblocking(true)?;
                std::io::Result::Ok(listener)
            })
            .await?;
        listener.map_err(NetError::io(format!("listen on port {METADATA_PORT} in the network of {vpc}")))
    }
}

#[async_trait]
impl Network for HostNetwork {
    async fn apply(&self, desired: &NetworkSpec) -> PortResult<ApplyReport> {
        self.apply_all(desired)
            .await
            .inspect_err(|error| warn!(error = %error.chain(), "the network could not be made as desired"))
            .map_err(|error| failure("the network could not be configured", error))
    }

    async fn open_tap(&self, vpc: &VpcId, interface: &InterfaceId) -> PortResult<Vec<OwnedFd>> {
        let opened = self.open_tap_of(vpc, interface).await;
        opened.map_err(|error| failure(format!("the tap of {interface} could not be opened"), error))
    }

    async fn metadata_listener(&self, vpc: &VpcId) -> PortResult<TcpListener> {
        let listener = self.listen_for_metadata(vpc).await;
        listener.map_err(|error| failure(format!("the metadata service of {vpc} could not listen"), error))
    }

    async fn networks_changed(&self) {
        self.changed.notified().await;
    }

    fn public_pool(&self) -> Ipv4Net {
        self.config.public_pool
    }

    async fn flow_log_records(
        &self,
        log: &FlowLogId,
        last: usize,
        follow: bool,
    ) -> PortResult<mpsc::Receiver<FlowLogLine>> {
        let kept = self.archive.log(log);
        let kept = kept.ok_or_else(|| PortError::plain(format!("flow log {log} is not recorded yet")))?;
        Ok(flow_logs::tail::read(&kept, last, follow))
    }

    async fn flow_log_status(&self, log: &FlowLogId) -> Option<FlowLogStatus> {
        Some(self.archive.log(log)?.status())
    }

    async fn rest(&self) {
        let held = self.held.lock().await;
        for vpc in held.vpcs.values() {
            flow_logs::settle(&vpc.flow_logs).await;
        }
    }

    async fn walk(&self, legs: &[Leg]) -> PortResult<Vec<Walked>> {
        let taps = self.taps().await;
        let mut journey = Journey::new(&self.config.tag, self.host.clone());
        let mut walked = Vec::new();
        for leg in legs {
            let one = journey.walk(leg, |tap| taps.get(tap).cloned()).await;
            walked.push(one.map_err(|error| failure("what the kernel holds could not be read", error))?);
        }
        Ok(walked)
    }

    fn ipv6_pool(&self) -> Ipv6Net {
        self.config.ipv6_pool
    }

    async fn teardown(&self) -> PortResult<()> {
        self.rest().await;
        let mut held = self.held.lock().await;
        *held = Held::default();
        let removed = teardown::teardown(&self.config, &self.host).await;
        removed.map_err(|error| failure("not all of the network could be removed", error))
    }
}

fn failure(what: impl Into<String>, error: NetError) -> PortError {
    PortError::new(what, error)
}
