//! Forks: new instances that begin where a running one is, with copy-on-write disks and memory, and an identity of
//! their own before anything of theirs passes the network's check of addresses.
//!
//! The source's volumes get a new layer on top, it stands still while its state and memory are taken, and goes on. What
//! was taken is held here until each fork's first start has begun; a daemon that ends before that leaves forks that
//! can't begin, which are terminated with that reason.

mod identity;
mod rows;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cumulet_model::attachment::AttachmentState;
use cumulet_model::instance::Reservation;
use cumulet_model::state::{Intent, Machine};
use cumulet_model::tag::check_tags;
use cumulet_model::volume::{Volume, VolumeSource};
use cumulet_model::{CloudError, ErrorCode, InstanceId, InterfaceId, MacAddr, VolumeId};
use cumulet_ports::vm_host::{MachineBase, VmBase};
use cumulet_ports::{PortError, PortResult};
use cumulet_store::{InstanceRecord, InterfaceRecord, NewLaunch};
use tracing::{error, info};

use crate::api::instance::ForkInstance;
use crate::cloud::{Cloud, Result, internal, port_failed};

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

impl Cloud {
    /// Makes instances that begin where a running one is.
    pub async fn fork_instance(&self, request: ForkInstance) -> Result<Reservation> {
        if !(1..=MAX_COUNT).contains(&request.count) {
            let text = format!("count must be 1 to {MAX_COUNT}, not {}", request.count);
            return Err(CloudError::invalid_value(text));
        }
        // Without it a fork could not become another machine than its source. The guest may take its time to answer.
        self.forkable(&request.source).await?;
        self.agent_greeting(&request.source).await?;
        let _allocation = self.inner.allocation.lock().await;
        let source = self.forkable(&request.source).await?;
        let mut tags = source.tags.clone();
        tags.extend(request.tags);
        check_tags(&tags)?;
        self.affordable(&source.instance_type, request.count, request.count).await?;
        let volumes = self.inner.store.volumes_of(&source.id).await.map_err(internal)?;
        let interfaces = self.inner.store.interfaces_of(&source.id).await.map_err(internal)?;
        check_settled("forked", &source.id, &volumes, &interfaces)?;
        let modified = self.inner.store.open_modifications_of(&source.id).await.map_err(internal)?;
        if let Some(modification) = modified.first() {
            let text = format!(
                "The instance '{}' can't be forked while its volume '{}' is modified",
                source.id, modification.volume_id
            );
            return Err(CloudError::new(ErrorCode::IncorrectState, text));
        }
        let mut launch = self.fork_rows(&source, &volumes, &interfaces, request.count, &tags).await?;
        let mode = self.credits(&source.id).await?.map(|credits| credits.mode);
        launch.credits = self.launch_credits(&source.instance_type, mode)?;
        let (base, sources) = self.take_base(&source, &volumes).await?;
        for (volume, source) in launch.volumes.iter_mut().zip(sources.into_iter().cycle()) {
            volume.source = source;
        }
        let point = ForkPoint::new(base, &volumes, &interfaces);
        self.inner.fork_points.put(launch.instances.iter().map(|record| record.id.clone()), &point);
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
        info!(source = %source.id, count = request.count, "forking");
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
    async fn forkable(&self, id: &InstanceId) -> Result<InstanceRecord> {
        let record = self.record(id).await?;
        if record.machine != Machine::On || record.intent != Intent::Run || record.reboot {
            let text = format!("The instance '{id}' can't be forked: it is {}, not running", record.state());
            return Err(CloudError::new(ErrorCode::IncorrectInstanceState, text));
        }
        Ok(record)
    }

    /// Freezes the source's volumes, state and memory; gives what forks' volumes are made from, in the order of
    /// `volumes`.
    async fn take_base(
        &self,
        source: &InstanceRecord,
        volumes: &[Volume],
    ) -> Result<(MachineBase, Vec<VolumeSource>)> {
        let ports = &self.inner.ports;
        let (mut chains, mut sources) = (Vec::new(), Vec::new());
        for volume in volumes {
            let below = ports.storage.branch_volume(&volume.id, volume.size).await.map_err(port_failed)?;
            let chain = ports.storage.volume_chain(&volume.id).await.map_err(port_failed)?;
            chains.push((volume.id.clone(), chain));
            sources.push(VolumeSource::Branch { volume: volume.id.clone(), below });
        }
        let base = ports.vms.fork(&source.id, chains).await.map_err(port_failed)?;
        Ok((base, sources))
    }

    /// Where a fork's first start begins, as often as it is tried; nothing for an instance that is no fork, or has begun.
    pub(crate) fn fork_point(&self, record: &InstanceRecord) -> PortResult<Option<ForkPoint>> {
        if record.forked_from.is_none() || record.has_run {
            return Ok(None);
        }
        let point = self.inner.fork_points.get(&record.id);
        point
            .map(Some)
            .ok_or_else(|| PortError::plain("the daemon ended before the fork had begun; fork again"))
    }
}
