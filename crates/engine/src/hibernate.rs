//! Hibernation: a stop that keeps the machine's memory in files, from which the next start goes on.
//!
//! The row's `saved` is the one truth. It is set when the files are complete, while the machine stands still, and stays
//! only if the machine then closes its disks and ends; it is cleared before anything of the restored machine runs. So
//! whenever it is set, memory and disks are of one moment, and memory is gone on from once. A daemon that dies before it is
//! set finds a machine that stands still and begins again; after it, it finds one that has only to be ended.

use std::time::Duration;

use cumulet_model::state::Intent;
use cumulet_model::{CloudError, ErrorCode, InstanceId, LaunchId, SavedMachineId};
use cumulet_ports::vm_host::VmBase;
use cumulet_ports::{PortError, PortResult};
use cumulet_store::InstanceRecord;
use tracing::{info, warn};

use crate::agent::set_clock;
use crate::cloud::{ChangeError, Cloud, Result};
use crate::driver::{change_failed, store_failed};
use crate::fork::check_settled;

/// How long a guest that goes on may take to be told the time.
const CLOCK_LIMIT: Duration = Duration::from_secs(5);

/// What came of saving an instance.
pub(crate) enum Saved {
    /// The row says so; its machine stands still and is to be ended.
    Yes,
    /// Meanwhile something else was asked for; its machine goes on.
    NotWanted,
    /// It can't be; its machine goes on.
    Failed(String),
}

/// Whether the stop under way is to save the machine first.
pub(crate) fn is_due(record: &InstanceRecord) -> bool {
    record.intent == Intent::Stop && record.hibernate && !record.force && record.saved.is_none()
}

/// Saves the memory of an instance whose stop is under way.
pub(crate) async fn save(cloud: &Cloud, record: &InstanceRecord) -> PortResult<Saved> {
    let storage = &cloud.inner.ports.storage;
    let id = SavedMachineId::random(&mut rand::rng());
    if let Err(error) = write(cloud, record, &id).await {
        forget(cloud, &id).await;
        let why = error.chain();
        warn!(instance = %record.id, error = why, "the instance can't be hibernated; it is shut down");
        return Ok(Saved::Failed(why));
    }
    if let Err(error) = storage.finish_saving(&id).await {
        let why = error.chain();
        forget(cloud, &id).await;
        cloud.inner.ports.vms.resume(&record.id).await?;
        warn!(instance = %record.id, error = why, "the instance can't be hibernated; it is shut down");
        return Ok(Saved::Failed(why));
    }
    // After an error here nobody knows what the row says: the files stay, and the driver reads it again.
    let changed = cloud.inner.store.change_instance::<ChangeError>(&record.id, |now| {
        if is_due(now) && now.launch_id == record.launch_id {
            now.saved = Some(id.clone());
        }
        Ok(())
    });
    if changed.await.map_err(change_failed)?.record.saved.as_ref() == Some(&id) {
        info!(instance = %record.id, saved = %id, "the instance's memory is saved");
        return Ok(Saved::Yes);
    }
    cloud.inner.ports.vms.resume(&record.id).await?;
    forget(cloud, &id).await;
    Ok(Saved::NotWanted)
}

/// Writes the machine's state and memory to files that are not finished yet.
async fn write(cloud: &Cloud, record: &InstanceRecord, id: &SavedMachineId) -> PortResult<()> {
    let inner = &cloud.inner;
    let volumes = inner.store.volumes_of(&record.id).await.map_err(store_failed)?;
    let interfaces = inner.store.interfaces_of(&record.id).await.map_err(store_failed)?;
    check_settled("hibernated", &record.id, &volumes, &interfaces).map_err(refused)?;
    let open = inner.store.open_modifications_of(&record.id).await.map_err(store_failed)?;
    if let Some(modification) = open.first() {
        return Err(PortError::plain(format!("its volume {} is being modified", modification.volume_id)));
    }
    let memory = cloud.instance_type(&record.instance_type).map_err(refused)?.memory;
    let files = inner.ports.storage.begin_saving(id, memory.bytes()).await?;
    inner.ports.vms.save(&record.id, files).await
}

fn refused(error: CloudError) -> PortError {
    PortError::plain(error.message)
}

/// What a hibernated instance's machine begins from. It stands still until [`wake`].
pub(crate) async fn base(cloud: &Cloud, id: &SavedMachineId) -> PortResult<VmBase> {
    let machine = cloud.inner.ports.storage.open_saved(id).await?;
    Ok(VmBase { machine, renamed: Default::default(), paused: true })
}

/// Lets a restored machine go on, once nobody can restore it a second time.
pub(crate) async fn wake(cloud: &Cloud, id: &InstanceId, launch_id: &LaunchId) -> PortResult<()> {
    let changed = cloud.inner.store.change_instance::<ChangeError>(id, |record| {
        // Whoever changed their mind still has the memory.
        if record.intent == Intent::Run && record.launch_id.as_ref() == Some(launch_id) {
            record.saved = None;
        }
        Ok(())
    });
    if changed.await.map_err(change_failed)?.record.saved.is_some() {
        return Err(PortError::plain("the start is not wanted any more"));
    }
    let resumed = cloud.inner.ports.vms.resume(id).await;
    resumed.map_err(|error| PortError::new("the machine was restored and does not go on", error))?;
    tell_time(cloud, id).await;
    Ok(())
}

/// Sets the wall clock of a guest that stood still. Without an agent its own time service has to.
pub(crate) async fn tell_time(cloud: &Cloud, id: &InstanceId) {
    let inner = &cloud.inner;
    if let Err(error) = set_clock(&*inner.ports.vms, id, &*inner.clock, CLOCK_LIMIT).await {
        warn!(instance = %id, %error, "a guest that stood still could not be told the time");
    }
}

/// Removes files that no row names. What stays by an error goes at the daemon's next start.
pub(crate) async fn forget(cloud: &Cloud, id: &SavedMachineId) {
    if let Err(error) = cloud.inner.ports.storage.delete_saved(id).await {
        warn!(saved = %id, error = error.chain(), "a saved machine's files could not be removed");
    }
}

/// Refuses what would make the instance another one than its memory knows.
pub(crate) fn check_not_held(record: &InstanceRecord, what: &str) -> Result<()> {
    let is_under_way = record.hibernate && record.intent == Intent::Stop;
    if record.saved.is_none() && !is_under_way {
        return Ok(());
    }
    let text = format!(
        "The instance '{}' is hibernated: {what} while its memory is saved. Start it first, or start it without its memory",
        record.id
    );
    Err(CloudError::new(ErrorCode::IncorrectState, text))
}
