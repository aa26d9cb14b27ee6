//! The steps of a launch or start, and of a release. Each can be done twice. Their undo is the way down, which is the
//! same whether a step failed, the daemon died in the middle, or the owner changed their mind: the driver abandons the
//! start (kill, unwire), and for an instance that never ran releases its volumes, interfaces and run directory.

use cumulet_model::attachment::AttachmentState;
use cumulet_model::network::NetworkInterface;
use cumulet_model::state::{Intent, Machine};
use cumulet_model::volume::{Volume, VolumeState};
use cumulet_model::{CloudError, ErrorCode, InstanceId, LaunchId, VolumeId};
use cumulet_ports::vm_host::{Limits, VmDisk, VmInterface, VmSpec};
use cumulet_ports::{PortError, PortResult};
use cumulet_store::{InstanceRecord, StoreError};
use tracing::info;

use crate::cloud::{ChangeError, Cloud, Result};
use crate::devices;
use crate::driver::{change_failed, store_failed};
use crate::fork::{self, ForkPoint};
use crate::hibernate;
use crate::smbios;

/// The guest's MTU: what a veth and a tap carry unaltered.
const MTU: u16 = 1500;

/// Runs the steps. `claimed` is the start's id where the row has it already. An error leaves the instance starting; the
/// driver then abandons it.
pub(crate) async fn launch(
    cloud: &Cloud,
    record: InstanceRecord,
    claimed: Option<LaunchId>,
) -> PortResult<()> {
    let (record, launch_id) = match claimed {
        Some(launch_id) => (record, launch_id),
        None => {
            let launch_id = LaunchId::random(&mut rand::rng());
            let Some(record) = claim(cloud, &record.id, &launch_id).await? else { return Ok(()) };
            (record, launch_id)
        }
    };
    make_volumes(cloud, &record).await?;
    // A disk that grew would not be the one that a saved machine knows.
    if record.saved.is_none() {
        devices::modify_without_machine(cloud, &record.id).await?;
    }
    // Wiring: the keeper wires what is starting or on.
    cloud.inner.keeper.sync().await?;
    let point = cloud.fork_point(&record).await?;
    let mut spec = machine_spec(cloud, &record, &launch_id, point.as_ref()).await?;
    if let Some(saved) = &record.saved {
        spec.base = Some(hibernate::base(cloud, saved).await?);
    }
    let devices = device_ids(&spec);
    cloud.inner.ports.vms.start(spec).await?;
    if let Some(point) = &point {
        fork::assign(cloud, &record, point).await?;
    }
    if record.saved.is_some() {
        hibernate::wake(cloud, &record.id, &launch_id).await?;
    }
    cloud
        .machine_is_on(&record.id, &launch_id, &devices)
        .await
        .map_err(|error| PortError::new("the start can't be recorded", error))?;
    cloud.inner.fork_points.forget(&record.id);
    if let Some(saved) = &record.saved {
        hibernate::forget(cloud, saved).await;
    }
    info!(instance = %record.id, launch = %launch_id, "the instance is running");
    if let Some(point) = point {
        fork::learn_touched(cloud, record.id, point);
    }
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
            inner.store.launch_volume_made(&volume.id).await.map_err(store_failed)?;
        }
    }
    Ok(())
}

/// The ids of a machine's disks and interfaces.
fn device_ids(spec: &VmSpec) -> Vec<String> {
    let disks = spec.disks.iter().map(|disk| disk.volume_id.to_string());
    disks.chain(spec.interfaces.iter().map(|interface| interface.id.to_string())).collect()
}

async fn machine_spec(
    cloud: &Cloud,
    record: &InstanceRecord,
    launch_id: &LaunchId,
    point: Option<&ForkPoint>,
) -> PortResult<VmSpec> {
    let inner = &cloud.inner;
    let kind = cloud
        .instance_type(&record.instance_type)
        .map_err(|error| PortError::new("the instance type is gone", error))?;
    let kernel = record.kernel_id.as_ref().ok_or_else(|| PortError::plain("the instance has no kernel"))?;
    let volumes = root_first(inner.store.volumes_of(&record.id).await.map_err(store_failed)?, record);
    let mut disks = Vec::new();
    for volume in &volumes {
        if volume.attachment.as_ref().is_some_and(|a| a.state != AttachmentState::Detaching) {
            disks.push(disk_of(cloud, volume).await?);
        }
    }
    let held_interfaces = inner.store.interfaces_of(&record.id).await.map_err(store_failed)?;
    let mut interfaces = Vec::new();
    for held in &held_interfaces {
        if held.interface.attachment.as_ref().is_some_and(|a| a.state != AttachmentState::Detaching) {
            interfaces.push(interface_of(cloud, &record.instance_type, &held.interface).await?);
        }
    }
    Ok(VmSpec {
        instance_id: record.id.clone(),
        launch_id: launch_id.clone(),
        vcpus: kind.vcpus,
        memory: kind.memory,
        memory_max: None,
        kernel: inner.ports.storage.image_file(kernel),
        initrd: record.ramdisk_id.as_ref().map(|id| inner.ports.storage.image_file(id)),
        cmdline: record.boot_args.clone(),
        disks,
        disk_bandwidth: kind.disks,
        interfaces,
        smbios: smbios::strings(&record.id, &record.instance_type),
        base: point.map(|point| point.base(&volumes, &held_interfaces)),
    })
}

/// A volume as a machine gets it.
pub(crate) async fn disk_of(cloud: &Cloud, volume: &Volume) -> PortResult<VmDisk> {
    let chain = cloud.inner.ports.storage.volume_chain(&volume.id).await?;
    let limits = volume.performance.limits(volume.size);
    Ok(VmDisk { volume_id: volume.id.clone(), chain, read_only: false, limits })
}

/// An interface, which must be wired, as a machine gets it.
pub(crate) async fn interface_of(
    cloud: &Cloud,
    instance_type: &str,
    interface: &NetworkInterface,
) -> PortResult<VmInterface> {
    let kind = cloud.instance_type(instance_type).ok();
    let bytes = kind.and_then(|kind| kind.network_bytes_per_second());
    let limits = Limits { iops: None, bytes };
    let tap = cloud.inner.ports.network.open_tap(&interface.vpc_id, &interface.id).await?;
    Ok(VmInterface { id: interface.id.clone(), mac: interface.mac, tap, mtu: Some(MTU), limits })
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
        let attachment = volume.attachment.as_ref();
        let goes = attachment.is_none_or(|a| a.delete_on_termination);
        if goes || !record.has_run && attachment.is_some_and(|a| a.of_launch) {
            inner
                .store
                .set_volume_state(&volume.id, VolumeState::Deleting, None)
                .await
                .map_err(store_failed)?;
            inner.ports.storage.delete_volume(&volume.id).await?;
            inner.store.delete_volume(&volume.id).await.map_err(store_failed)?;
        } else {
            detach(cloud, &volume.id).await?;
        }
    }
    inner.fork_points.forget(&record.id);
    inner.greeted.forget(&record.id);
    if let Some(saved) = &record.saved {
        inner.ports.storage.delete_saved(saved).await?;
    }
    inner.ports.vms.forget(&record.id).await?;
    inner.store.release_instance(&record.id, inner.clock.now()).await.map_err(store_failed)?;
    info!(instance = %record.id, "the instance is terminated");
    Ok(())
}

/// Detaches a volume that outlives its instance.
async fn detach(cloud: &Cloud, id: &VolumeId) -> PortResult<()> {
    let detached = cloud.inner.store.change_volume::<StoreError>(id, None, |volume, _| {
        volume.attachment = None;
        if volume.state == VolumeState::InUse {
            volume.state = VolumeState::Available;
        }
        Ok(())
    });
    detached.await.map(drop).map_err(store_failed)
}

impl Cloud {
    /// Records that the machine of this start runs, and which devices it is known to have.
    pub(crate) async fn machine_is_on(
        &self,
        id: &InstanceId,
        launch_id: &LaunchId,
        devices: &[String],
    ) -> Result<()> {
        self.inner
            .store
            .change_begun_instance::<ChangeError>(id, devices, |record| {
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
