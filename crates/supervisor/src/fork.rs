//! Making others from a running machine: it stands still while its state is taken and its disks get new layers on top,
//! and goes on whatever comes of that.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use cumulet_model::VolumeId;
use cumulet_ports::storage::DiskChain;
use cumulet_ports::vm_host::MachineBase;
use cumulet_vmm_protocol::{Command, Phase, Reply, Status, SwapDisk};
use tokio::sync::MutexGuard;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::control::{Control, ControlError, call_once};
use crate::error::SupervisorError;
use crate::launch::{Handed, describe_layers};
use crate::machine::Machine;

/// How long a VMM may take for its part: what was touched since an earlier fork may have to be copied.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a VMM may take to let its machine go on, and the pause between two questions.
const RESUME_LIMIT: Duration = Duration::from_secs(600);
const AGAIN: Duration = Duration::from_millis(50);

/// Takes a machine's state and memory, and puts `disks` behind its disks, which read the same.
pub async fn fork(
    machine: &Machine,
    disks: Vec<(VolumeId, DiskChain)>,
) -> Result<MachineBase, SupervisorError> {
    let swaps = disks.iter().map(|(id, chain)| open_disk(id, chain)).collect::<Result<Vec<_>, _>>()?;
    let _moment = moment(machine).await?;
    let mut control = pause(machine).await?;
    let taken = take(machine, &mut control, swaps).await;
    resume(machine).await?;
    let base = taken?;
    info!(instance = %machine.id, "took a running machine's state and memory");
    Ok(base)
}

/// Puts other files behind a machine's disks, which read the same.
pub async fn swap_disks(machine: &Machine, disks: Vec<(VolumeId, DiskChain)>) -> Result<(), SupervisorError> {
    let swaps = disks.iter().map(|(id, chain)| open_disk(id, chain)).collect::<Result<Vec<_>, _>>()?;
    let _moment = moment(machine).await?;
    let mut control = pause(machine).await?;
    let swapped = swap(&mut control, swaps).await;
    resume(machine).await?;
    swapped
}

/// Waits until nobody else lets a machine stand still. One that stands still until it is told otherwise was saved, and
/// must not go on because of this.
async fn moment(machine: &Machine) -> Result<MutexGuard<'_, bool>, SupervisorError> {
    let standing = machine.standing.lock().await;
    if *standing {
        return Err(SupervisorError::Standing(machine.id.clone()));
    }
    Ok(standing)
}

/// Lets a machine go on that stands still until then.
pub async fn release(machine: &Machine) -> Result<(), SupervisorError> {
    let mut standing = machine.standing.lock().await;
    resume(machine).await?;
    *standing = false;
    Ok(())
}

/// Pauses a machine. Where it can't be told whether that worked, the machine is let go on.
pub async fn pause(machine: &Machine) -> Result<Control, SupervisorError> {
    let paused = async {
        let mut control = Control::connect(&machine.dir.socket(), machine.process.pid(), LIMIT).await?;
        expect_status(control.call(Command::Pause, LIMIT).await?)?;
        Ok(control)
    };
    match paused.await {
        Ok(control) => Ok(control),
        Err(error) => {
            resume(machine).await?;
            Err(error)
        }
    }
}

/// Lets a machine go on, and asks until it does: a VMM refuses while it still writes what it was asked for.
pub async fn resume(machine: &Machine) -> Result<(), SupervisorError> {
    let asked = async {
        loop {
            let answer =
                call_once(&machine.dir.socket(), machine.process.pid(), Command::Resume, LIMIT).await;
            match answer.and_then(expect_status) {
                Ok(()) => return,
                Err(error) => warn!(instance = %machine.id, %error, "a paused machine does not go on yet"),
            }
            sleep(AGAIN).await;
        }
    };
    tokio::select! {
        _ = machine.ended() => Ok(()),
        done = timeout(RESUME_LIMIT, asked) => done.map_err(|_| {
            error!(instance = %machine.id, "a machine that was paused does not go on");
            ControlError::TimedOut(RESUME_LIMIT).into()
        }),
    }
}

/// Whether a machine was left paused by a daemon's death. One that doesn't say is taken for one that runs.
pub async fn is_paused(machine: &Machine) -> bool {
    let limit = machine.call_limit();
    let status = call_once(&machine.dir.socket(), machine.process.pid(), Command::Status, limit).await;
    matches!(status, Ok(Reply::Status(Status { phase: Phase::Paused, .. })))
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
    machine: &Machine,
    control: &mut Control,
    swaps: Vec<(SwapDisk, Vec<OwnedFd>)>,
) -> Result<MachineBase, SupervisorError> {
    let (reply, mut fds) = control.call_with(Command::ForkBase, &[], LIMIT).await?;
    let (Reply::Snapshot(_), Some(memory), Some(state), None) = (reply, fds.pop(), fds.pop(), fds.pop())
    else {
        return Err(ControlError::Unexpected.into());
    };
    swap(control, swaps).await?;
    Ok(MachineBase { state: Arc::new(state), memory: Arc::new(memory), touched: machine.touched.clone() })
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
