//! Saving a machine to files: it stands still from then on, until it is resumed or killed. Where saving fails, it goes on.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

use cumulet_ports::storage::SavingFiles;
use cumulet_vmm_protocol::{Command, Reply, Snapshot, Source};
use tracing::{info, warn};

use crate::control::{Control, ControlError};
use crate::error::SupervisorError;
use crate::fork::{pause, resume};
use crate::machine::Machine;

/// How long a VMM may take to write the memory of the largest machine to a slow disk.
const LIMIT: Duration = Duration::from_secs(3600);

/// Pauses a machine and writes it.
pub async fn save(machine: &Machine, files: SavingFiles) -> Result<(), SupervisorError> {
    let mut standing = machine.standing.lock().await;
    let mut control = pause(machine).await?;
    match write(machine, &mut control, files).await {
        Ok(()) => {
            *standing = true;
            Ok(())
        }
        Err(error) => {
            resume(machine).await?;
            *standing = false;
            Err(error)
        }
    }
}

async fn write(machine: &Machine, control: &mut Control, files: SavingFiles) -> Result<(), SupervisorError> {
    let mut fds: Vec<OwnedFd> = vec![files.state, files.memory];
    // The VMM's jail has no /proc. Without the table more is read than was touched.
    let pagemap = match File::open(format!("/proc/{}/pagemap", machine.process.pid())) {
        Ok(table) => {
            fds.push(table.into());
            Some(Source::Fd(2))
        }
        Err(error) => {
            warn!(instance = %machine.id, %error, "can't open a VMM's table of pages");
            None
        }
    };
    let command = Command::Snapshot(Snapshot { state: Source::Fd(0), memory: Source::Fd(1), pagemap });
    let (Reply::Snapshot(info), _) = control.call_with(command, &fds, LIMIT).await? else {
        return Err(ControlError::Unexpected.into());
    };
    let (memory, written, took_us) = (info.memory_bytes, info.written_bytes, info.took_us);
    info!(instance = %machine.id, memory, written, took_us, "saved a machine");
    Ok(())
}
