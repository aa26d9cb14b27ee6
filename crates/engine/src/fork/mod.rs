//! Forks: new instances that begin where a running one is, with copy-on-write disks and memory, and an identity of
//! their own before anything of theirs passes the network's check of addresses.
//!
//! The source's volumes get a new layer on top, it stands still while its state and memory are taken, and goes on. What
//! was taken is held here until each fork's first start has begun; a daemon that ends before that leaves forks that
//! can't begin, which are terminated with that reason. Forks of a saved machine are taken up from its files.

mod freeze;
mod greeted;
mod identity;
mod rows;
mod touched;
mod volumes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cumulet_model::instance::Reservation;
use cumulet_model::state::{Intent, Machine};
use cumulet_model::tag::check_tags;
use cumulet_model::volume::{Volume, VolumeSource};
use cumulet_model::{
    CloudError, ErrorCode, InstanceId, InterfaceId, LaunchId, MacAddr, SavedMachineId, Tags, VolumeId,
};
use cumulet_ports::vm_host::{MachineBase, VmBase};
use cumulet_ports::{PortError, PortResult};
use cumulet_store::{InstanceRecord, InterfaceRecord, NewLaunch, SavedMachineRecord};
use serde::Serialize;
use tracing::info;

use crate::api::instance::{ForkInstance, ForkSaved};
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::idempotent::{digest, mismatch};

use freeze::FrozenDisks;
use volumes::{make_volumes, new_ids};

pub(crate) use freeze::{Frozen, check_settled};
pub(crate) use greeted::Greeted;
pub(crate) use identity::assign;
pub(crate) use touched::{SavedTouched, learn_touched};

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

fn device(volume: &Volume) -> Option<String> {
    volume.attachment.as_ref().map(|attachment| attachment.device.clone())
}

/// Fork points of forks that have not begun.
#[derive(Debug, Default)]
pub(crate) struct ForkPoints(Mutex<HashMap<InstanceId, Promised>>);

/// A fork that was promised.
#[derive(Debug)]
struct Promised {
    point: ForkPoint,
    /// The start that its row was written with, until its driver makes it.
    claim: Option<LaunchId>,
}

impl ForkPoints {
    fn put(&self, forks: &[InstanceRecord], point: &ForkPoint) {
        let promised = |record: &InstanceRecord| {
            (record.id.clone(), Promised { point: point.clone(), claim: record.launch_id.clone() })
        };
        self.points().extend(forks.iter().map(promised));
    }

    fn get(&self, id: &InstanceId) -> Option<ForkPoint> {
        self.points().get(id).map(|promised| promised.point.clone())
    }

    /// The start that a fork's row was written with, if it is wanted still and nobody has made it: it is the caller's then.
    pub fn take_claim(&self, record: &InstanceRecord) -> Option<LaunchId> {
        let claim = self.points().get_mut(&record.id)?.claim.take();
        claim.filter(|claim| record.intent == Intent::Run && record.launch_id.as_ref() == Some(claim))
    }

    /// Lets go of a fork's point: it has begun, or never will.
    pub fn forget(&self, id: &InstanceId) {
        self.points().remove(id);
    }

    fn points(&self) -> MutexGuard<'_, HashMap<InstanceId, Promised>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let source = self.forkable(&request.source, "forked").await?;
        let known = self.inner.greeted.knows(&source);
        if !known {
            self.agent_greeting(&request.source).await?;
            self.inner.greeted.add(&source);
        }
        let _taking = self.inner.taking.lock().await;
        if let Some(made) = self.same_forks(&wanted).await? {
            return Ok(made);
        }
        let source = self.forkable(&request.source, "forked").await?;
        // Before the source stands still for nothing.
        self.check_affordable(&source.instance_type, wanted.count).await?;
        let (answered, frozen) = tokio::join!(
            async { if known { self.agent_greeting(&source.id).await.map(drop) } else { Ok(()) } },
            self.freeze_disks(&source, "forked")
        );
        let FrozenDisks { mut volumes, added, chains, interfaces } = frozen?;
        if answered.is_err() {
            // The next one asks before it freezes anything.
            self.inner.greeted.forget(&source.id);
        }
        answered?;
        let before = volumes.clone();
        for (volume, added) in volumes.iter_mut().zip(&added) {
            volume.source = VolumeSource::Branch { volume: volume.id.clone(), below: added.below };
        }
        let ids = new_ids(&volumes, wanted.count);
        // The files are the forks' from then on, whatever becomes of the source. What lies in the frozen layers is of no
        // matter to them, so they are made while the machine is taken.
        let (taken, made) = tokio::join!(
            self.take_machine(&source, "forked", chains),
            make_volumes(&self.inner.ports.storage, &volumes, &ids)
        );
        let base = match made.map_err(port_failed).and(taken) {
            Ok(base) => base,
            Err(error) => {
                self.drop_volumes(&ids).await;
                return Err(error);
            }
        };
        self.tend_frozen(&volumes, &added);
        let point = ForkPoint::new(base, &before, &interfaces);
        let pattern =
            Pattern { instance: &source, volumes: &volumes, interfaces: &interfaces, from_saved: None };
        self.promise(pattern, &point, wanted, ids).await
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
        self.check_affordable(&source.instance.instance_type, wanted.count).await?;
        let point = self.saved_point(&record).await.map_err(port_failed)?;
        let ids = new_ids(&source.volumes, wanted.count);
        if let Err(failure) = make_volumes(&self.inner.ports.storage, &source.volumes, &ids).await {
            self.drop_volumes(&ids).await;
            return Err(port_failed(failure));
        }
        let pattern = Pattern {
            instance: &source.instance,
            volumes: &source.volumes,
            interfaces: &source.interfaces,
            from_saved: Some(&record.id),
        };
        self.promise(pattern, &point, wanted, ids).await
    }

    async fn saved_point(&self, record: &SavedMachineRecord) -> PortResult<ForkPoint> {
        let mut base = self.inner.ports.storage.open_saved(&record.id).await?;
        base.touched = self.inner.saved_touched.of(&record.id);
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

    async fn check_affordable(&self, instance_type: &str, count: u32) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        self.affordable(instance_type, count, count).await.map(drop)
    }

    /// Writes the forks' rows, whose volumes are there and have these ids, and sets their drivers going.
    async fn promise(
        &self,
        pattern: Pattern<'_>,
        point: &ForkPoint,
        wanted: Wanted,
        volumes: Vec<VolumeId>,
    ) -> Result<Reservation> {
        let (count, from) = (wanted.count, (&pattern.instance.id, pattern.from_saved));
        let launch = match self.write_forks(&pattern, point, wanted, &volumes).await {
            Ok(launch) => launch,
            Err(error) => {
                self.drop_volumes(&volumes).await;
                return Err(error);
            }
        };
        info!(source = %from.0, saved = ?from.1, count, "forking");
        for record in &launch.instances {
            self.poke(&record.id);
        }
        self.reservation(&launch.reservation_id).await
    }

    async fn write_forks(
        &self,
        pattern: &Pattern<'_>,
        point: &ForkPoint,
        wanted: Wanted,
        ids: &[VolumeId],
    ) -> Result<NewLaunch> {
        let source = pattern.instance;
        let _allocation = self.inner.allocation.lock().await;
        let mut tags = source.tags.clone();
        tags.extend(wanted.tags);
        check_tags(&tags)?;
        self.affordable(&source.instance_type, wanted.count, wanted.count).await?;
        let mut launch = self.fork_rows(pattern, ids, wanted.count, &tags).await?;
        launch.token = wanted.token;
        // A saved machine's source may be forgotten.
        let mode = self.all_credits().await?.get(&source.id).map(|credits| credits.mode);
        launch.credits = self.launch_credits(&source.instance_type, mode)?;
        for record in &mut launch.instances {
            record.from_saved = pattern.from_saved.cloned();
        }
        self.inner.fork_points.put(&launch.instances, point);
        let added = self.inner.store.add_launch(&launch).await.map_err(internal);
        if added.is_err() {
            launch.instances.iter().for_each(|record| self.inner.fork_points.forget(&record.id));
        }
        added.map(|()| launch)
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
