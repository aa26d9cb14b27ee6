//! Devices of a running machine: what it has, and adding, removing and changing them. What the VMM is to use goes with
//! the command as open descriptors, for in its jail it can't open a path.

use std::os::fd::OwnedFd;
use std::time::Duration;

use cumulet_model::{Gib, Mib, VolumeId};
use cumulet_ports::vm_host::{Limits, VmDisk, VmInterface};
use cumulet_vmm_protocol::fds::MAX_FDS;
use cumulet_vmm_protocol::limits::SetLimits;
use cumulet_vmm_protocol::{AttachDisk, AttachNet, Command, Detach, MemoryTarget, ResizeDisk};

use crate::SupervisorError;
use crate::control::ControlError;
use crate::jail::Jails;
use crate::launch::{Handed, describe_disk, describe_net, limits_of};
use crate::machine::Machine;

/// How long a call waits for a guest that is asked to let go of something. One that takes longer is looked at again.
const POLITE_WAIT: Duration = Duration::from_millis(300);

/// The ids of the disks and interfaces that the machine has now.
pub async fn devices(machine: &Machine) -> Result<Vec<String>, SupervisorError> {
    let metrics = machine.metrics().await?;
    let disks = metrics.disks.into_iter().map(|disk| disk.id);
    Ok(disks.chain(metrics.nets.into_iter().map(|net| net.id)).collect())
}

/// Adds a disk, unless it is there.
pub async fn attach_disk(machine: &Machine, disk: VmDisk) -> Result<(), SupervisorError> {
    if disk.chain.layers.len() > MAX_FDS {
        return Err(SupervisorError::TooManyLayers { disk: disk.volume_id.to_string(), limit: MAX_FDS });
    }
    if devices(machine).await?.iter().any(|id| id == disk.volume_id.as_str()) {
        return Ok(());
    }
    let opened = tokio::task::spawn_blocking(move || {
        let mut handed = Handed::to_running();
        describe_disk(&disk, &mut handed).map(|disk| (disk, handed))
    });
    let (disk, handed) = opened.await.map_err(|error| SupervisorError::io("open a disk")(error.into()))??;
    command(machine, Command::AttachDisk(Box::new(AttachDisk { disk })), &handed.into_fds()).await
}

/// Adds an interface, unless it is there.
pub async fn attach_interface(machine: &Machine, interface: VmInterface) -> Result<(), SupervisorError> {
    if devices(machine).await?.iter().any(|id| id == interface.id.as_str()) {
        return Ok(());
    }
    let mut handed = Handed::to_running();
    let net = describe_net(interface, &mut handed);
    command(machine, Command::AttachNet(Box::new(AttachNet { net })), &handed.into_fds()).await
}

/// Asks for a device to be let go of, or takes it away.
pub async fn detach(machine: &Machine, device: &str, force: bool) -> Result<(), SupervisorError> {
    if !devices(machine).await?.iter().any(|id| id == device) {
        return Ok(());
    }
    let detach = Command::Detach(Detach { id: device.to_owned(), force });
    if force {
        return command(machine, detach, &[]).await;
    }
    // The VMM answers when the guest has let go, which may be never; hanging up only ends the waiting.
    match machine.call_within(detach, &[], POLITE_WAIT).await {
        Err(ControlError::TimedOut(_)) => Ok(()),
        done => done.map(drop).map_err(SupervisorError::from),
    }
}

/// Makes a disk bigger.
pub async fn resize(machine: &Machine, volume: &VolumeId, size: Gib) -> Result<(), SupervisorError> {
    let resize = ResizeDisk { id: volume.to_string(), bytes: size.bytes().0 };
    command(machine, Command::ResizeDisk(resize), &[]).await
}

/// Changes a device's limits.
pub async fn set_limits(machine: &Machine, device: &str, limits: Limits) -> Result<(), SupervisorError> {
    let limits = SetLimits { id: device.to_owned(), limits: limits_of(limits) };
    command(machine, Command::SetLimits(limits), &[]).await
}

/// Asks the guest to have another amount of memory. Its control group allows for more before the guest can use it, and
/// for less only when the guest has given it back: until then, for what it still has.
pub async fn set_memory(
    machine: &Machine,
    jails: Option<&Jails>,
    memory: Mib,
) -> Result<(), SupervisorError> {
    let had = machine.metrics().await?.memory.actual_mib;
    let allow = |mib| jails.into_iter().for_each(|jails| jails.allow_memory(&machine.id, mib));
    allow(memory.0.max(had));
    command(machine, Command::Memory(MemoryTarget { mib: memory.0 }), &[]).await.inspect_err(|_| allow(had))
}

async fn command(machine: &Machine, command: Command, fds: &[OwnedFd]) -> Result<(), SupervisorError> {
    Ok(machine.call_within(command, fds, machine.call_limit()).await.map(drop)?)
}
