//! Devices of a running machine: what it has, and adding, removing and changing them.

use cumulet_ports::{PortError, PortResult};

use crate::SupervisorError;
use crate::machine::Machine;

/// The ids of the disks and interfaces that the machine has now.
pub async fn devices(machine: &Machine) -> PortResult<Vec<String>> {
    let metrics = machine.metrics().await.map_err(SupervisorError::from)?;
    let disks = metrics.disks.into_iter().map(|disk| disk.id);
    Ok(disks.chain(metrics.nets.into_iter().map(|net| net.id)).collect())
}

/// The VMM has no command for this yet.
pub fn unsupported(what: &str) -> PortError {
    PortError::plain(format!("{what} of a running machine is not supported by its VMM"))
}
