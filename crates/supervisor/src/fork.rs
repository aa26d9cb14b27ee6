//! Making others from a running machine: it stands still while its state is taken and its disks get new layers on top,
//! and goes on whatever comes of that.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use cumulet_model::VolumeId;
use cumulet_ports::storage::DiskChain;
use cumulet_ports::vm_host::MachineBase;
use cumulet_vmm_protocol::{Command, Reply, SwapDisk};
use tracing::{error, info};

use crate::control::{Control, ControlError};
use crate::error::SupervisorError;
use crate::launch::{Handed, describe_layers};
use crate::machine::Machine;

/// How long a VMM may take for its part: what was touched since an earlier fork may have to be copied.
const LIMIT: Duration = Duration::from_secs(120);

/// Takes a machine's state and memory, and puts `disks` behind its disks, which read the same.
pub async fn fork(
    machine: &Machine,
    disks: Vec<(VolumeId, DiskChain)>,
) -> Result<MachineBase, SupervisorError> {
    let swaps = disks.iter().map(|(id, chain)| open_disk(id, chain)).collect::<Result<Vec<_>, _>>()?;
    let mut control = Control::connect(&machine.dir.socket(), machine.process.pid(), LIMIT).await?;
    expect_status(control.call(Command::Pause, LIMIT).await?)?;
    let taken = take(&mut control, swaps).await;
    resume(machine, &mut control).await?;
    let base = taken?;
    info!(instance = %machine.id, "took a running machine's state and memory");
    Ok(base)
}

/// Puts other files behind a machine's disks, which read the same.
pub async fn swap_disks(machine: &Machine, disks: Vec<(VolumeId, DiskChain)>) -> Result<(), SupervisorError> {
    let swaps = disks.iter().map(|(id, chain)| open_disk(id, chain)).collect::<Result<Vec<_>, _>>()?;
    let mut control = Control::connect(&machine.dir.socket(), machine.process.pid(), LIMIT).await?;
    expect_status(control.call(Command::Pause, LIMIT).await?)?;
    let swapped = swap(&mut control, swaps).await;
    resume(machine, &mut control).await?;
    swapped
}

/// Lets a paused machine go on.
async fn resume(machine: &Machine, control: &mut Control) -> Result<(), SupervisorError> {
    let resumed = match control.call(Command::Resume, LIMIT).await {
        // After some errors a connection is of no use.
        Err(_) => {
            Control::connect(&machine.dir.socket(), machine.process.pid(), LIMIT)
                .await?
                .call(Command::Resume, LIMIT)
                .await
        }
        resumed => resumed,
    };
    resumed.and_then(expect_status).map_err(|error| {
        error!(instance = %machine.id, %error, "a machine that was paused does not go on");
        error.into()
    })
}

async fn swap(control: &mut Control, swaps: Vec<(SwapDisk, Vec<OwnedFd>)>) -> Result<(), SupervisorError> {
    for (swap, layers) in swaps {
        let (Reply::Done, _) = control.call_with(Command::SwapDisk(swap), &layers, LIMIT).await? else {
            return Err(ControlError::Unexpected.into());
        };
    }
    Ok(())
}

async fn take(
    control: &mut Control,
    swaps: Vec<(SwapDisk, Vec<OwnedFd>)>,
) -> Result<MachineBase, SupervisorError> {
    let (reply, mut fds) = control.call_with(Command::ForkBase, &[], LIMIT).await?;
    let (Reply::Snapshot(_), Some(memory), Some(state), None) = (reply, fds.pop(), fds.pop(), fds.pop())
    else {
        return Err(ControlError::Unexpected.into());
    };
    swap(control, swaps).await?;
    Ok(MachineBase { state: Arc::new(state), memory: Arc::new(memory) })
}

fn expect_status(reply: Reply) -> Result<(), ControlError> {
    match reply {
        Reply::Status(_) => Ok(()),
        _ => Err(ControlError::Unexpected),
    }
}

fn open_disk(id: &VolumeId, chain: &DiskChain) -> Result<(SwapDisk, Vec<OwnedFd>), SupervisorError> {
    let mut handed = Handed::to_running();
    let (layer, backing) = describe_layers(id, chain, true, &mut handed)?;
    Ok((SwapDisk { id: id.to_string(), layer, backing }, handed.into_fds()))
}
