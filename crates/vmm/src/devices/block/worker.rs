//! The thread of a disk: waits for the driver's notification, serves, and stands still while the machine is paused.
//!
//! A disk leaves in two steps, of which the first may be left out. *Severed*, it closes its files and fails all requests,
//! so that no driver waits for it. *Retired*, it is off the bus, and its thread ends.

use super::{Block, Next};
use crate::jail;
use crate::machine::{Gate, MachineState, Pass};
use crate::virtio::VirtioDevice;
use cumulet_vmm_protocol::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use vmm_sys_util::eventfd::EventFd;

/// How far a disk has left.
#[derive(Debug, Default)]
pub(super) struct End {
    severed: AtomicBool,
    retired: AtomicBool,
    /// How closing the files went, once they are closed.
    closed: OnceLock<io::Result<()>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: AtomicBool,
}

/// Starts the thread. Closing `gate` needs a notification of each disk to wake its thread. `machine` is woken when a disk
/// that leaves has closed its files, and when its thread ends.
pub fn spawn(index: usize, block: Arc<Block>, gate: Arc<Gate>, machine: Arc<MachineState>) -> io::Result<()> {
    gate.enter();
    let (disk, passed) = (block.clone(), gate.clone());
    let thread = std::thread::Builder::new().name(format!("disk{index}"));
    let thread = thread.spawn(move || {
        jail::enter(jail::Kind::Disk).expect("a filter that was taken before");
        while passed.pass_after(|| disk.land_all()) == Pass::Go {
            let next = disk.serve();
            let (severed, retired) = (disk.is_severed(), disk.end.retired.load(Ordering::SeqCst));
            if (severed || retired) && !disk.is_closed() {
                let closed = disk.close();
                disk.lock().open = None;
                disk.end.closed.get_or_init(|| closed);
                machine.wake();
            }
            if retired {
                disk.end.ended.store(true, Ordering::SeqCst);
                passed.leave();
                machine.wake();
                break;
            }
            wait(&disk.kicks()[0], next);
        }
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
    /// Has the thread close the files and fail all requests from then on.
    pub fn sever(&self) {
        self.end.severed.store(true, Ordering::SeqCst);
        self.set_limits(&Limits::default());
    }

    /// Whether it was severed.
    pub fn is_severed(&self) -> bool {
        self.end.severed.load(Ordering::SeqCst)
    }

    /// Has the thread close the files and end. The disk is off the bus.
    pub fn retire(&self) {
        self.end.retired.store(true, Ordering::SeqCst);
        self.set_limits(&Limits::default());
    }

    /// Whether its files are closed.
    pub fn is_closed(&self) -> bool {
        self.end.closed.get().is_some()
    }

    /// Why what was held back could not be written when the files were closed.
    pub fn close_error(&self) -> Option<io::Error> {
        let error = self.end.closed.get()?.as_ref().err()?;
        Some(io::Error::new(error.kind(), error.to_string()))
    }

    /// Whether the thread of a retired disk has done its work.
    pub fn has_ended(&self) -> bool {
        self.end.ended.load(Ordering::SeqCst)
    }

    /// Waits the moment until the thread of a disk that has ended is gone.
    pub fn finish(&self) {
        if let Some(thread) = self.end.thread.lock().expect("no thread panicked").take() {
            thread.join().expect("a panic ends the process");
        }
    }
}
