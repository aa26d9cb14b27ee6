//! The thread of a disk: waits for the driver's notification, serves, and stands still while the machine is paused.

use super::Block;
use crate::jail;
use crate::machine::{Gate, Pass};
use crate::virtio::VirtioDevice;
use std::io;
use std::sync::Arc;

/// Starts the thread. Closing `gate` needs a notification of each disk to wake its thread.
pub fn spawn(index: usize, block: Arc<Block>, gate: Arc<Gate>) -> io::Result<()> {
    gate.enter();
    std::thread::Builder::new().name(format!("disk{index}")).spawn(move || {
        jail::enter(jail::Kind::Disk).expect("a filter that was taken before");
        while gate.pass() == Pass::Go {
            block.serve();
            // An interrupted read is as good as a notification.
            let _ = block.kicks()[0].read();
        }
    })?;
    Ok(())
}
