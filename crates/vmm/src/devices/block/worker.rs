//! The thread of a disk: waits for the driver's notification, serves, and stands still while the machine is paused. A
//! disk that is retired closes its files there: `working -> retired -> closed`.

use super::{Block, Next};
use crate::jail;
use crate::machine::{Gate, MachineState, Pass};
use crate::virtio::VirtioDevice;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use vmm_sys_util::eventfd::EventFd;

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
            let next = disk.serve();
            if disk.end.retired.load(Ordering::SeqCst) {
                let closed = disk.close();
                disk.end.closed.store(true, Ordering::SeqCst);
                passed.leave();
                machine.wake();
                return closed;
            }
            wait(&disk.kicks()[0], next);
        }
        Ok(())
    });
    let thread = thread.inspect_err(|_| gate.leave())?;
    *block.end.thread.lock().expect("no thread panicked") = Some(thread);
    Ok(())
}

/// Waits for a notification. An interruption is as good as one.
fn wait(kick: &EventFd, next: Next) {
    if let Next::WaitFor(limit) = next {
        let limit = Timespec::try_from(limit).ok();
        // SAFETY: the descriptor is open as long as `kick` lives, which is longer than this borrow.
        let descriptor = unsafe { BorrowedFd::borrow_raw(kick.as_raw_fd()) };
        let mut kicked = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
        if !poll(&mut kicked, limit.as_ref()).is_ok_and(|ready| ready > 0) {
            return;
        }
    }
    let _ = kick.read();
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
