//! The thread of a disk: waits for the driver's notification, serves, and stands still while the machine is paused. A
//! disk that is retired closes its files there: `working -> retired -> closed`.

use super::Block;
use crate::jail;
use crate::machine::{Gate, MachineState, Pass};
use crate::virtio::VirtioDevice;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How a disk's thread ends.
#[derive(Debug, Default)]
pub(super) struct End {
    retired: AtomicBool,
    closed: AtomicBool,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

/// Starts the thread. Closing `gate` needs a notification of each disk to wake its thread. `machine` is woken when a
/// retired disk has closed its files.
pub fn spawn(index: usize, block: Arc<Block>, gate: Arc<Gate>, machine: Arc<MachineState>) -> io::Result<()> {
    gate.enter();
    let (disk, passed) = (block.clone(), gate.clone());
    let thread = std::thread::Builder::new().name(format!("disk{index}"));
    let thread = thread.spawn(move || {
        jail::enter(jail::Kind::Disk).expect("a filter that was taken before");
        while passed.pass() == Pass::Go {
            disk.serve();
            if disk.end.retired.load(Ordering::SeqCst) {
                let closed = disk.close();
                disk.end.closed.store(true, Ordering::SeqCst);
                passed.leave();
                machine.wake();
                return closed;
            }
            // An interrupted read is as good as a notification.
            let _ = disk.kicks()[0].read();
        }
        Ok(())
    });
    let thread = thread.inspect_err(|_| gate.leave())?;
    *block.end.thread.lock().expect("no thread panicked") = Some(thread);
    Ok(())
}

impl Block {
    /// Has the thread close the files and end. The disk is off the bus.
    pub fn retire(&self) {
        self.end.retired.store(true, Ordering::SeqCst);
        // A full counter wakes just as well.
        let _ = self.kicks()[0].write(1);
    }

    /// Whether the thread of a retired disk has written what was held back.
    pub fn is_closed(&self) -> bool {
        self.end.closed.load(Ordering::SeqCst)
    }

    /// Waits the moment until the thread of a closed disk has ended, and tells how closing went. With the last that
    /// holds the disk its files are closed.
    pub fn finish(&self) -> io::Result<()> {
        match self.end.thread.lock().expect("no thread panicked").take() {
            Some(thread) => thread.join().expect("a panic ends the process"),
            None => Ok(()),
        }
    }
}
