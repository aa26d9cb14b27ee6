//! Forks: new instances that begin where a running one is, with copy-on-write disks and memory, and an identity of
//! their own before anything of theirs passes the network's check of addresses.
//!
//! The source's volumes get a new layer on top, it stands still while its state and memory are taken, and goes on. What
//! was taken is held here until each fork's first start has begun; a daemon that ends before that leaves forks that
//! can't begin, which are terminated with that reason. Forks of a saved machine are taken up from its files.

mod identity;
mod rows;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cumulet_model::attachment::AttachmentState;
use cumulet_model::instance::Reservation;
use cumulet_model::state::{Intent, Machine};
use cumulet_model::tag::check_tags;
use cumulet_model::volume::{Volume, VolumeSource};
use cumulet_model::{
    CloudError, ErrorCode, InstanceId, InterfaceId, MacAddr, SavedMachineId, Tags, VolumeId,
};
use cumulet_ports::vm_host::{MachineBase, VmBase};
use cumulet_ports::{PortError, PortResult};
use cumulet_store::{InstanceRecord, InterfaceRecord, NewLaunch, SavedMachineRecord};
use serde::Serialize;
use tracing::{error, info};

use crate::api::instance::{ForkInstance, ForkSaved};
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::idempotent::{digest, mismatch};

pub(crate) use identity::assign;

/// The most forks of one call.
const MAX_COUNT: u32 = 1000;

/// Where forks begin.
#[derive(Debug, Clone)]
pub(crate) struct ForkPoint {
    base: MachineBase,
    /// The source's volumes by device name.
    volumes: Arc<HashMap<String, VolumeId>>,
    /// Its interfaces with the hardware addresses that its guest knows, by device index.
    interfaces: Arc<HashMap<u32, (InterfaceId, MacAddr)>>,
}

impl ForkPoint {
    fn new(base: MachineBase, volumes: &[Volume], interfaces: &[InterfaceRecord]) -> Self {
        let volumes = volumes.iter().filter_map(|volume| Some((device(volume)?, volume.id.clone())));
        let interfaces = interfaces.iter().map(|held| &held.interface).filter_map(|interface| {
            let index = interface.attachment.as_ref()?.device_index;
            Some((index, (interface.id.clone(), interface.mac)))
        });
        Self { base, volumes: Arc::new(volumes.collect()), interfaces: Arc::new(interfaces.collect()) }
    }

    /// What a fork's machine begins from.
    pub fn base(&self, volumes: &[Volume], interfaces: &[InterfaceRecord]) -> VmBase {
        let volumes = volumes.iter().filter_map(|volume| {
            let source = self.volumes.get(&device(volume)?)?;
            Some((source.to_string(), volume.id.to_string()))
        });
        let interfaces = interfaces.iter().map(|held| &held.interface).filter_map(|interface| {
            let (source, _) = self.interfaces.get(&interface.attachment.as_ref()?.device_index)?;
            Some((source.to_string(), interface.id.to_string()))
        });
        VmBase { machine: self.base.clone(), renamed: volumes.chain(interfaces).collect(), paused: false }
    }
}

/// Refuses to have an instance forked or the like while a device comes or goes.
pub(crate) fn check_settled(
    what: &str,
    id: &InstanceId,
    volumes: &[Volume],
    interfaces: &[InterfaceRecord],
) -> Result<()> {
    let volumes = volumes.iter().map(|volume| volume.attachment.as_ref().map(|a| a.state));
    let interfaces = interfaces.iter().map(|held| held.interface.attachment.as_ref().map(|a| a.state));
    if volumes.chain(interfaces).all(|state| state == Some(AttachmentState::Attached)) {
        return Ok(());
    }
    let text =
        format!("The instance '{id}' can't be {what} while a volume or interface is attached or detached");
    Err(CloudError::new(ErrorCode::IncorrectState, text))
}

fn device(volume: &Volume) -> Option<String> {
    volume.attachment.as_ref().map(|attachment| attachment.device.clone())
}

/// Fork points of forks that have not begun.
#[derive(Debug, Default)]
pub(crate) struct ForkPoints(Mutex<HashMap<InstanceId, ForkPoint>>);

impl ForkPoints {
    fn put(&self, ids: impl Iterator<Item = InstanceId>, point: &ForkPoint) {
        let mut points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        points.extend(ids.map(|id| (id, point.clone())));
    }

    fn get(&self, id: &InstanceId) -> Option<ForkPoint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Lets go of a fork's point: it has begun, or never will.
    pub fn forget(&self, id: &InstanceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// A running machine at a moment.
pub(crate) struct Frozen {
    /// Its state and memory.
    pub base: MachineBase,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// The numbers below which the layers of each are frozen, in the same order.
    pub layers: Vec<u32>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceRecord>,
}

/// The rows that forks are made after. The volumes' sources are what theirs are made from.
struct Pattern<'a> {
    instance: &'a InstanceRecord,
    volumes: &'a [Volume],
    interfaces: &'a [InterfaceRecord],
    from_saved: Option<&'a SavedMachineId>,
}

/// What is wanted of forks, whatever they begin from.
struct Wanted {
    count: u32,
    tags: Tags,
    token: Option<(String, String)>,
}

impl Wanted {
    fn new(count: u32, tags: Tags, token: Option<&str>, request: &impl Serialize) -> Result<Self> {
        if !(1..=MAX_COUNT).contains(&count) {
            return Err(CloudError::invalid_value(format!("count must be 1 to {MAX_COUNT}, not {count}")));
        }
        Ok(Self { count, tags, token: token.map(|token| (token.to_owned(), digest(request))) })
    }
}

impl Cloud {
    /// Makes instances that begin where a running one is. The same client token with the same parameters gives the same
    /// forks.
    pub async fn fork_instance(&self, request: ForkInstance) -> Result<Reservation> {
        let token = request.client_token.as_deref();
        let wanted = Wanted::new(request.count, request.tags.clone(), token, &request)?;
        if let Some(made) = self.same_forks(&wanted).await? {
            return Ok(made);
        }
        // Without it a fork could not become another machine than its source. The guest may take its time to answer.
        self.forkable(&request.source, "forked").await?;
        self.agent_greeting(&request.source).await?;
        let _taking = self.inner.taking.lock().await;
        if let Some(made) = self.same_forks(&wanted).await? {
            return Ok(made);
        }
        let source = self.forkable(&request.source, "forked").await?;
        {
            // Before the source stands still for nothing.
            let _allocation = self.inner.allocation.lock().await;
            self.affordable(&source.instance_type, wanted.count, wanted.count).await?;
        }
        let Frozen { base, mut volumes, layers, interfaces } = self.freeze_machine(&source, "forked").await?;
        let point = ForkPoint::new(base, &volumes, &interfaces);
        for (volume, below) in volumes.iter_mut().zip(layers) {
            volume.source = VolumeSource::Branch { volume: volume.id.clone(), below };
        }
        let pattern =
            Pattern { instance: &source, volumes: &volumes, interfaces: &interfaces, from_saved: None };
        self.promise(pattern, &point, wanted).await
    }

    /// Makes instances that begin from a saved machine.
    pub async fn fork_saved_machine(&self, request: ForkSaved) -> Result<Reservation> {
        let token = request.client_token.as_deref();
        let wanted = Wanted::new(request.count, request.tags.clone(), token, &request)?;
        let _taking = self.inner.taking.lock().await;
        if let Some(made) = self.same_forks(&wanted).await? {
            return Ok(made);
        }
        let record = self.usable_saved(&request.saved).await?;
        let source = &record.source;
        let groups = self.security_groups().await?;
        for group in source.interfaces.iter().flat_map(|held| &held.interface.groups) {
            if !groups.iter().any(|known| known.id == group.id) {
                let text = format!("The security group '{}' of the saved machine does not exist", group.id);
                return Err(CloudError::new(ErrorCode::InvalidGroupNotFound, text));
            }
        }
        let point = self.saved_point(&record).await.map_err(port_failed)?;
        let pattern = Pattern {
            instance: &source.instance,
            volumes: &source.volumes,
            interfaces: &source.interfaces,
            from_saved: Some(&record.id),
        };
        self.promise(pattern, &point, wanted).await
    }

    async fn saved_point(&self, record: &SavedMachineRecord) -> PortResult<ForkPoint> {
        let base = self.inner.ports.storage.open_saved(&record.id).await?;
        Ok(ForkPoint::new(base, &record.source.volumes, &record.source.interfaces))
    }

    async fn same_forks(&self, wanted: &Wanted) -> Result<Option<Reservation>> {
        let Some((token, digest)) = &wanted.token else { return Ok(None) };
        match self.inner.store.client_token(token).await.map_err(internal)? {
            None => Ok(None),
            Some((known, _)) if known != *digest => Err(mismatch()),
            Some((_, reservation)) => Ok(Some(self.reservation(&reservation).await?)),
        }
    }

    /// Makes the forks' volumes and rows and sets their drivers going.
    async fn promise(&self, pattern: Pattern<'_>, point: &ForkPoint, wanted: Wanted) -> Result<Reservation> {
        let source = pattern.instance;
        let _allocation = self.inner.allocation.lock().await;
        let mut tags = source.tags.clone();
        tags.extend(wanted.tags);
        check_tags(&tags)?;
        self.affordable(&source.instance_type, wanted.count, wanted.count).await?;
        let Pattern { volumes, interfaces, .. } = pattern;
        let mut launch = self.fork_rows(source, volumes, interfaces, wanted.count, &tags).await?;
        launch.token = wanted.token;
        // A saved machine's source may be forgotten.
        let mode = self.all_credits().await?.get(&source.id).map(|credits| credits.mode);
        launch.credits = self.launch_credits(&source.instance_type, mode)?;
        for record in &mut launch.instances {
            record.from_saved = pattern.from_saved.cloned();
        }
        self.inner.fork_points.put(launch.instances.iter().map(|record| record.id.clone()), point);
        if let Err(error) = self.add_forks(&launch).await {
            for record in &launch.instances {
                self.inner.fork_points.forget(&record.id);
            }
            for volume in &launch.volumes {
                if let Err(error) = self.inner.ports.storage.delete_volume(&volume.id).await {
                    error!(volume = %volume.id, error = error.chain(), "a volume of no fork stays behind");
                }
            }
            return Err(error);
        }
        info!(source = %source.id, saved = ?pattern.from_saved, count = wanted.count, "forking");
        for record in &launch.instances {
            self.poke(&record.id);
        }
        self.reservation(&launch.reservation_id).await
    }

    /// Makes the forks' volumes, which have the frozen layers as their own from then on, whatever becomes of the source;
    /// then their rows.
    async fn add_forks(&self, launch: &NewLaunch) -> Result<()> {
        for volume in &launch.volumes {
            let made = self.inner.ports.storage.create_volume(&volume.id, &volume.source, volume.size).await;
            made.map_err(port_failed)?;
        }
        self.inner.store.add_launch(launch).await.map_err(internal)
    }

    /// The source, when it runs.
    pub(crate) async fn forkable(&self, id: &InstanceId, what: &str) -> Result<InstanceRecord> {
        let record = self.record(id).await?;
        if record.machine != Machine::On || record.intent != Intent::Run || record.reboot {
            let text = format!("The instance '{id}' can't be {what}: it is {}, not running", record.state());
            return Err(CloudError::new(ErrorCode::IncorrectInstanceState, text));
        }
        Ok(record)
    }

    /// Freezes a running machine's volumes, state and memory. Nobody else may freeze any of them meanwhile.
    pub(crate) async fn freeze_machine(&self, source: &InstanceRecord, what: &str) -> Result<Frozen> {
        let store = &self.inner.store;
        let volumes = store.volumes_of(&source.id).await.map_err(internal)?;
        let interfaces = store.interfaces_of(&source.id).await.map_err(internal)?;
        check_settled(what, &source.id, &volumes, &interfaces)?;
        let modified = store.open_modifications_of(&source.id).await.map_err(internal)?;
        if let Some(modification) = modified.first() {
            let text = format!(
                "The instance '{}' can't be {what} while its volume '{}' is modified",
                source.id, modification.volume_id
            );
            return Err(CloudError::new(ErrorCode::IncorrectState, text));
        }
        match self.take_base(source, &volumes).await {
            Ok((base, layers)) => Ok(Frozen { base, volumes, layers, interfaces }),
            Err(failure) => {
                let why = failure.chain();
                error!(instance = %source.id, error = why, "a machine could not be taken");
                let text = format!("The instance '{}' can't be {what} now: {why}", source.id);
                Err(CloudError::new(ErrorCode::Unavailable, text))
            }
        }
    }

    /// Gives also the number of the layer below which each of `volumes` is frozen.
    async fn take_base(
        &self,
        source: &InstanceRecord,
        volumes: &[Volume],
    ) -> PortResult<(MachineBase, Vec<u32>)> {
        let ports = &self.inner.ports;
        let (mut chains, mut layers) = (Vec::new(), Vec::new());
        for volume in volumes {
            layers.push(self.add_layer(volume, true).await?);
            chains.push((volume.id.clone(), ports.storage.volume_chain(&volume.id).await?));
        }
        let base = ports.vms.fork(&source.id, chains).await?;
        for (volume, added) in volumes.iter().zip(&layers) {
            self.tend_layers(&volume.id, *added);
        }
        Ok((base, layers.iter().map(|added| added.below).collect()))
    }

    /// Where a fork's first start begins, as often as it is tried; nothing for an instance that is no fork, or has begun.
    pub(crate) async fn fork_point(&self, record: &InstanceRecord) -> PortResult<Option<ForkPoint>> {
        if record.forked_from.is_none() || record.has_run {
            return Ok(None);
        }
        if let Some(point) = self.inner.fork_points.get(&record.id) {
            return Ok(Some(point));
        }
        let cut_off = || PortError::plain("the daemon ended before the fork had begun; fork again");
        let saved = record.from_saved.as_ref().ok_or_else(cut_off)?;
        // What it begins from outlives a daemon.
        let saved = self.usable_saved(saved).await.map_err(|error| PortError::plain(error.message))?;
        self.saved_point(&saved).await.map(Some)
    }
}
