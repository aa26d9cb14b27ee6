//! The steps of a launch or start, and of a release. Each can be done twice. Their undo is the way down, which is the
//! same whether a step failed, the daemon died in the middle, or the owner changed their mind: the driver abandons the
//! start (kill, unwire), and for an instance that never ran releases its volumes, interfaces and run directory.

use cumulet_model::state::{Intent, Machine};
use cumulet_model::volume::{Volume, VolumeState};
use cumulet_model::{CloudError, ErrorCode, InstanceId, LaunchId};
use cumulet_ports::vm_host::{VmDisk, VmInterface, VmSpec};
use cumulet_ports::{PortError, PortResult};
use cumulet_store::InstanceRecord;
use tracing::info;

use crate::cloud::{ChangeError, Cloud, Result};
use crate::driver::{change_failed, store_failed};
use crate::smbios;

/// The guest's MTU: what a veth and a tap carry unaltered.
const MTU: u16 = 1500;

/// Runs the steps. An error leaves the instance starting; the driver then abandons it.
pub(crate) async fn launch(cloud: &Cloud, record: InstanceRecord) -> PortResult<()> {
    let launch_id = LaunchId::random(&mut rand::rng());
    let Some(record) = claim(cloud, &record.id, &launch_id).await? else { return Ok(()) };
    make_volumes(cloud, &record).await?;
    // Wiring: the keeper wires what is starting or on.
    cloud.inner.keeper.sync().await?;
    let spec = machine_spec(cloud, &record, &launch_id).await?;
    cloud.inner.ports.vms.start(spec).await?;
    cloud
        .machine_is_on(&record.id, &launch_id)
        .await
        .map_err(|error| PortError::new("the start can't be recorded", error))?;
    info!(instance = %record.id, launch = %launch_id, "the instance is running");
    Ok(())
}

/// Writes the start's id before anything exists, so that whatever the start leaves can be told to be its own. `None`
/// when the instance is not wanted to run any more.
async fn claim(cloud: &Cloud, id: &InstanceId, launch_id: &LaunchId) -> PortResult<Option<InstanceRecord>> {
    let changed = cloud
        .inner
        .store
        .change_instance::<ChangeError>(id, |record| {
            if record.intent != Intent::Run {
                return Ok(());
            }
            record.launch_id = Some(launch_id.clone());
            if record.machine == Machine::Off {
                record.machine = Machine::Starting;
            }
            Ok(())
        })
        .await;
    let record = changed.map_err(change_failed)?.record;
    Ok((record.launch_id.as_ref() == Some(launch_id)).then_some(record))
}

async fn make_volumes(cloud: &Cloud, record: &InstanceRecord) -> PortResult<()> {
    let inner = &cloud.inner;
    for volume in inner.store.volumes_of(&record.id).await.map_err(store_failed)? {
        if volume.state == VolumeState::Creating {
            inner.ports.storage.create_volume(&volume.id, &volume.source, volume.size).await?;
            inner.store.set_volume_state(&volume.id, VolumeState::InUse).await.map_err(store_failed)?;
        }
    }
    Ok(())
}

async fn machine_spec(cloud: &Cloud, record: &InstanceRecord, launch_id: &LaunchId) -> PortResult<VmSpec> {
    let inner = &cloud.inner;
    let kind = cloud
        .instance_type(&record.instance_type)
        .map_err(|error| PortError::new("the instance type is gone", error))?;
    let kernel = record.kernel_id.as_ref().ok_or_else(|| PortError::plain("the instance has no kernel"))?;
    let mut disks = Vec::new();
    for volume in root_first(inner.store.volumes_of(&record.id).await.map_err(store_failed)?, record) {
        let chain = inner.ports.storage.volume_chain(&volume.id).await?;
        disks.push(VmDisk { volume_id: volume.id, chain, read_only: false });
    }
    let mut interfaces = Vec::new();
    for held in inner.store.interfaces_of(&record.id).await.map_err(store_failed)? {
        let interface = held.interface;
        let tap = inner.ports.network.open_tap(&interface.vpc_id, &interface.id).await?;
        interfaces.push(VmInterface { id: interface.id, mac: interface.mac, tap, mtu: Some(MTU) });
    }
    Ok(VmSpec {
        instance_id: record.id.clone(),
        launch_id: launch_id.clone(),
        vcpus: kind.vcpus,
        memory: kind.memory,
        kernel: inner.ports.storage.image_file(kernel),
        initrd: record.ramdisk_id.as_ref().map(|id| inner.ports.storage.image_file(id)),
        cmdline: record.boot_args.clone(),
        disks,
        interfaces,
        smbios: smbios::strings(&record.id, &record.instance_type),
    })
}

/// The root volume, which the guest finds first, then the others by device name.
fn root_first(mut volumes: Vec<Volume>, record: &InstanceRecord) -> Vec<Volume> {
    let device = |volume: &Volume| volume.attachment.as_ref().map(|a| a.device.clone()).unwrap_or_default();
    volumes.sort_by_key(|volume| (device(volume) != record.root_device_name, device(volume)));
    volumes
}

/// Releases all that an instance holds. Volumes that outlive it are detached, unless it never ran: a failed launch
/// leaves nothing.
pub(crate) async fn release(cloud: &Cloud, record: &InstanceRecord) -> PortResult<()> {
    let inner = &cloud.inner;
    for volume in inner.store.volumes_of(&record.id).await.map_err(store_failed)? {
        let goes = volume.attachment.as_ref().is_none_or(|a| a.delete_on_termination);
        if goes || !record.has_run {
            inner.store.set_volume_state(&volume.id, VolumeState::Deleting).await.map_err(store_failed)?;
            inner.ports.storage.delete_volume(&volume.id).await?;
            inner.store.delete_volume(&volume.id).await.map_err(store_failed)?;
        } else {
            inner.store.detach_volume(&volume.id).await.map_err(store_failed)?;
        }
    }
    inner.ports.vms.forget(&record.id).await?;
    inner.store.release_instance(&record.id, inner.clock.now()).await.map_err(store_failed)?;
    info!(instance = %record.id, "the instance is terminated");
    Ok(())
}

impl Cloud {
    /// Records that the machine of this start runs.
    pub(crate) async fn machine_is_on(&self, id: &InstanceId, launch_id: &LaunchId) -> Result<()> {
        self.inner
            .store
            .change_instance::<ChangeError>(id, |record| {
                if record.launch_id.as_ref() != Some(launch_id) {
                    return Err(CloudError::new(ErrorCode::IncorrectState, "another start has begun").into());
                }
                record.machine = Machine::On;
                record.has_run = true;
                if record.intent == Intent::Run {
                    record.reason = None;
                    record.transition_reason = String::new();
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}
