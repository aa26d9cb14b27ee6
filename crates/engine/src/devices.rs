//! Devices on their way into and out of running machines, and disks that are to grow: the rows say what is to be, the
//! machine is asked what it has, and the difference is done. Each look can be cut off anywhere and done again. Part of an
//! instance's driver, so that nothing else changes the machine meanwhile.

use std::time::Duration;

use cumulet_model::attachment::AttachmentState;
use cumulet_model::network::NetworkInterface;
use cumulet_model::volume::{ModificationState, Volume, VolumeModification, VolumeState};
use cumulet_model::{InstanceId, InterfaceId, VolumeId};
use cumulet_ports::{PortError, PortResult};
use cumulet_store::{InstanceRecord, InterfaceRecord, StoreError};
use tracing::{info, warn};

use crate::cloud::Cloud;
use crate::driver::store_failed;
use crate::launch_steps;

/// How soon a machine that has something on its way is looked at again, at first and at most.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// The pause before the next look, given the one before this.
pub(crate) fn next_look(before: Option<Duration>) -> Duration {
    before.map_or(FIRST_LOOK, |pause| (pause * 2).min(LAST_LOOK))
}

/// What of an instance is on its way.
struct Open {
    volumes: Vec<Volume>,
    interfaces: Vec<NetworkInterface>,
    modifications: Vec<(Volume, VolumeModification)>,
}

/// Brings a running machine's devices nearer to what they are to be. True when something is left to be done later.
pub(crate) async fn converge(cloud: &Cloud, record: &InstanceRecord) -> PortResult<bool> {
    let open = open(cloud, &record.id).await?;
    if open.volumes.is_empty() && open.interfaces.is_empty() && open.modifications.is_empty() {
        return Ok(false);
    }
    let has = match cloud.inner.ports.vms.devices(&record.id).await {
        Ok(has) => has,
        Err(error) => {
            warn!(instance = %record.id, error = error.chain(), "the machine does not say which devices it has");
            return Ok(true);
        }
    };
    let mut left = false;
    for volume in &open.volumes {
        left |=
            converge_volume(cloud, &record.id, volume, has.iter().any(|id| id == volume.id.as_str())).await?;
    }
    for interface in &open.interfaces {
        let has = has.iter().any(|id| id == interface.id.as_str());
        left |= converge_interface(cloud, record, interface, has).await?;
    }
    for (volume, modification) in open.modifications {
        left |= modify(cloud, &record.id, volume, &modification).await?;
    }
    Ok(left)
}

/// Modifies the volumes of an instance that has no machine.
pub(crate) async fn modify_without_machine(cloud: &Cloud, id: &InstanceId) -> PortResult<()> {
    for (volume, modification) in open(cloud, id).await?.modifications {
        let done = cloud.modify_by_itself(volume, &modification).await;
        done.map_err(|error| PortError::new("a volume can't be modified", error))?;
    }
    Ok(())
}

async fn open(cloud: &Cloud, id: &InstanceId) -> PortResult<Open> {
    let store = &cloud.inner.store;
    let on_its_way = |state| state != AttachmentState::Attached;
    let volumes = store.volumes_of(id).await.map_err(store_failed)?;
    let mut modifications = Vec::new();
    for modification in store.open_modifications_of(id).await.map_err(store_failed)? {
        let volume = volumes.iter().find(|volume| volume.id == modification.volume_id);
        modifications.extend(volume.cloned().map(|volume| (volume, modification)));
    }
    let is_open = |volume: &Volume| {
        volume.state == VolumeState::InUse
            && volume.attachment.as_ref().is_some_and(|attachment| on_its_way(attachment.state))
    };
    let interfaces = store.interfaces_of(id).await.map_err(store_failed)?.into_iter();
    let interfaces = interfaces.map(|held| held.interface);
    Ok(Open {
        volumes: volumes.into_iter().filter(is_open).collect(),
        interfaces: interfaces
            .filter(|held| held.attachment.as_ref().is_some_and(|a| on_its_way(a.state)))
            .collect(),
        modifications,
    })
}

async fn converge_volume(cloud: &Cloud, id: &InstanceId, volume: &Volume, has: bool) -> PortResult<bool> {
    let Some(attachment) = &volume.attachment else { return Ok(false) };
    let device = volume.id.as_str();
    match (attachment.state, has) {
        (AttachmentState::Attaching, false) => {
            let attached = attach_disk(cloud, id, volume).await;
            match after_attach(cloud, id, device, attached).await {
                Attempt::Attached => {
                    set_volume(cloud, &volume.id, id, Some(AttachmentState::Attached)).await?
                }
                Attempt::Later => return Ok(true),
                Attempt::Never => set_volume(cloud, &volume.id, id, None).await?,
            }
        }
        (AttachmentState::Attaching, true) => {
            set_volume(cloud, &volume.id, id, Some(AttachmentState::Attached)).await?;
        }
        (AttachmentState::Detaching, true) if detach(cloud, id, device, attachment.force).await => {
            return Ok(true);
        }
        (AttachmentState::Detaching, _) => set_volume(cloud, &volume.id, id, None).await?,
        (AttachmentState::Attached, _) => {}
    }
    Ok(false)
}

async fn attach_disk(cloud: &Cloud, id: &InstanceId, volume: &Volume) -> PortResult<()> {
    let disk = launch_steps::disk_of(cloud, volume).await?;
    cloud.inner.ports.vms.attach_disk(id, disk).await
}

async fn converge_interface(
    cloud: &Cloud,
    record: &InstanceRecord,
    interface: &NetworkInterface,
    has: bool,
) -> PortResult<bool> {
    let id = &record.id;
    let Some(attachment) = &interface.attachment else { return Ok(false) };
    let device = interface.id.as_str();
    match (attachment.state, has) {
        (AttachmentState::Attaching, false) => {
            let attached = attach_interface(cloud, record, interface).await;
            match after_attach(cloud, id, device, attached).await {
                Attempt::Attached => {
                    set_interface(cloud, &interface.id, id, Some(AttachmentState::Attached)).await?
                }
                Attempt::Later => return Ok(true),
                Attempt::Never => {
                    set_interface(cloud, &interface.id, id, None).await?;
                    cloud.inner.keeper.sync().await?;
                }
            }
        }
        (AttachmentState::Attaching, true) => {
            set_interface(cloud, &interface.id, id, Some(AttachmentState::Attached)).await?;
        }
        (AttachmentState::Detaching, true) if detach(cloud, id, device, attachment.force).await => {
            return Ok(true);
        }
        (AttachmentState::Detaching, _) => {
            set_interface(cloud, &interface.id, id, None).await?;
            cloud.inner.keeper.sync().await?;
        }
        (AttachmentState::Attached, _) => {}
    }
    Ok(false)
}

/// The keeper wires whatever is attached to an instance that runs, so that the tap is there before the machine has it.
async fn attach_interface(
    cloud: &Cloud,
    record: &InstanceRecord,
    interface: &NetworkInterface,
) -> PortResult<()> {
    cloud.inner.keeper.sync().await?;
    let interface = launch_steps::interface_of(cloud, &record.instance_type, interface).await?;
    cloud.inner.ports.vms.attach_interface(&record.id, interface).await
}

/// What became of an attempt to attach.
enum Attempt {
    Attached,
    Later,
    Never,
}

/// Judges an attempt to attach: after an error that lasts, the machine is asked once more, for it may have the device.
async fn after_attach(cloud: &Cloud, id: &InstanceId, device: &str, done: PortResult<()>) -> Attempt {
    let Err(error) = done else {
        info!(instance = %id, device, "a device is attached");
        return Attempt::Attached;
    };
    if error.transient {
        warn!(instance = %id, device, error = error.chain(), "a device could not be attached; that is tried again");
        return Attempt::Later;
    }
    match cloud.inner.ports.vms.devices(id).await {
        Ok(has) if has.iter().any(|known| known == device) => Attempt::Attached,
        Ok(_) => {
            warn!(instance = %id, device, error = error.chain(), "a device could not be attached; it is available again");
            Attempt::Never
        }
        Err(_) => Attempt::Later,
    }
}

/// Asks for a device to be let go of, or takes it away; true when the machine has it still.
async fn detach(cloud: &Cloud, id: &InstanceId, device: &str, force: bool) -> bool {
    let vms = &cloud.inner.ports.vms;
    if let Err(error) = vms.detach(id, device, force).await {
        warn!(instance = %id, device, force, error = error.chain(), "a device could not be detached; that is tried again");
        return true;
    }
    match vms.devices(id).await {
        Ok(has) if has.iter().any(|known| known == device) => true,
        Ok(_) => {
            info!(instance = %id, device, force, "a device is detached");
            false
        }
        Err(_) => true,
    }
}

/// Modifies a volume of a running machine; true when that has to be tried again.
async fn modify(
    cloud: &Cloud,
    id: &InstanceId,
    volume: Volume,
    modification: &VolumeModification,
) -> PortResult<bool> {
    debug_assert_eq!(modification.state, ModificationState::Modifying);
    let done = modify_in_machine(cloud, id, &volume, modification).await;
    let failure = match done {
        Ok(()) => None,
        Err(error) if error.transient => {
            warn!(instance = %id, volume = %volume.id, error = error.chain(), "a volume is modified later");
            return Ok(true);
        }
        Err(error) => {
            warn!(instance = %id, volume = %volume.id, error = error.chain(), "a volume could not be modified");
            Some(error.what)
        }
    };
    cloud.end_modification(volume, modification.target, failure.as_deref()).await.map_err(store_failed)?;
    Ok(false)
}

async fn modify_in_machine(
    cloud: &Cloud,
    id: &InstanceId,
    volume: &Volume,
    modification: &VolumeModification,
) -> PortResult<()> {
    let (vms, target) = (&cloud.inner.ports.vms, modification.target);
    let has = vms.devices(id).await?.iter().any(|known| known == volume.id.as_str());
    if !has {
        // On its way in or out: the file is nobody's for the moment, and this driver is the one who hands it over.
        return cloud.inner.ports.storage.grow_volume(&volume.id, target.size).await;
    }
    if target.size > volume.size {
        vms.resize_disk(id, &volume.id, target.size).await?;
    }
    let limits = target.performance.limits(target.size);
    if limits != volume.performance.limits(volume.size) {
        vms.set_limits(id, volume.id.as_str(), limits).await?;
    }
    Ok(())
}

/// Writes where a volume's attachment to this instance is; `None` is detached.
async fn set_volume(
    cloud: &Cloud,
    id: &VolumeId,
    instance: &InstanceId,
    state: Option<AttachmentState>,
) -> PortResult<()> {
    let changed = cloud.inner.store.change_volume::<StoreError>(id, None, |volume, _| {
        let Some(attachment) = volume.attachment.as_mut().filter(|a| a.instance_id == *instance) else {
            return Ok(());
        };
        match state {
            // Asked to be detached meanwhile: it stays so.
            Some(_) if attachment.state == AttachmentState::Detaching => {}
            Some(state) => attachment.state = state,
            None => {
                volume.attachment = None;
                volume.state = VolumeState::Available;
            }
        }
        Ok(())
    });
    changed.await.map(drop).map_err(store_failed)
}

/// Writes where an interface's attachment to this instance is; `None` is detached.
async fn set_interface(
    cloud: &Cloud,
    id: &InterfaceId,
    instance: &InstanceId,
    state: Option<AttachmentState>,
) -> PortResult<()> {
    let changed = cloud.inner.store.change_interface::<StoreError>(id, None, |record, _| {
        let Some(attachment) = record.interface.attachment.as_mut().filter(|a| a.instance_id == *instance)
        else {
            return Ok(());
        };
        match state {
            Some(_) if attachment.state == AttachmentState::Detaching => {}
            Some(state) => attachment.state = state,
            None => let_go(record),
        }
        Ok(())
    });
    changed.await.map(drop).map_err(store_failed)
}

/// An interface that is attached to nothing any more; a public address that it got from its instance's start goes.
pub(crate) fn let_go(record: &mut InterfaceRecord) {
    record.interface.attachment = None;
    if record.auto_public_ip {
        record.auto_public_ip = false;
        record.interface.public_ip = record.interface.elastic.as_ref().map(|elastic| elastic.public_ip);
    }
}
