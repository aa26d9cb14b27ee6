//! What a restored machine touches of its memory in its first moments: asked of one that has begun, handed to those that
//! begin alike, which fetch it ahead. The list comes from a VMM, which may be in its guest's hands: another VMM takes it
//! for a hint and reads it within bounds, and it is sealed, so that it is the same for all.

use std::fs::File;
use std::os::fd::OwnedFd;

use cumulet_ports::vm_host::Touched;
use cumulet_vmm_protocol::{Command, Reply, Source, WorkingSet};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use tracing::debug;

use crate::control::{Control, ControlError};
use crate::error::SupervisorError;
use crate::machine::Machine;

/// Asks a machine for its list and keeps it, unless another one was asked before.
pub async fn learn(machine: &Machine, touched: &Touched) -> Result<(), SupervisorError> {
    if !touched.begin_to_learn() {
        return Ok(());
    }
    let failed = |what| move |errno: rustix::io::Errno| SupervisorError::io(what)(errno.into());
    let list = memfd_create("touched", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map_err(failed("make a file in memory"))?;
    // The VMM's jail has no /proc.
    let pagemap = File::open(format!("/proc/{}/pagemap", machine.process.pid()))
        .map_err(SupervisorError::io("open a VMM's table of pages"))?;
    let copy = list.try_clone().map_err(SupervisorError::io("duplicate a descriptor"))?;
    let fds = [copy, OwnedFd::from(pagemap)];
    let command = Command::WorkingSet(WorkingSet { to: Source::Fd(0), pagemap: Some(Source::Fd(1)) });
    let (limit, pid) = (machine.call_limit(), machine.process.pid());
    let mut control = Control::connect(&machine.dir.socket(), pid, limit).await?;
    let (Reply::Pages(pages), _) = control.call_with(command, &fds, limit).await? else {
        return Err(ControlError::Unexpected.into());
    };
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&list, seals).map_err(failed("seal a file in memory"))?;
    debug!(instance = %machine.id, pages, "learned what a machine touches first");
    touched.learn(list);
    Ok(())
}
