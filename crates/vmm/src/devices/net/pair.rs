//! A pair of queues with the tap's queue behind it. Each is served by one thread; frames that the limits hold back wait
//! for its timer.

use super::Net;
use super::active::{Active, Turn};
use super::tap::Tap;
use crate::event_loop::{EventSource, Interest, Timer};
use crate::virtio::queue::Progress;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard};

/// Queue of a pair on which the guest receives.
pub const RX: usize = 0;
/// Queue of a pair on which the guest sends.
pub const TX: usize = 1;

/// What there is to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// The guest has made room.
    Rx,
    /// The guest has frames.
    Tx,
    /// Frames that had to wait may go on.
    Timer,
    /// The tap has frames.
    Tap,
}

/// A pair.
#[derive(Debug)]
pub struct Pair {
    work: Mutex<Work>,
    pub timer: Timer,
}

/// What a pair works with.
#[derive(Debug)]
pub struct Work {
    /// Nothing once it was severed: then every frame of the guest is lost.
    pub tap: Option<Tap>,
    pub active: Option<Active>,
    /// Whether the tap has this queue in use.
    in_use: bool,
}

impl Pair {
    pub fn new(tap: Tap) -> io::Result<Self> {
        let work = Work { tap: Some(tap), active: None, in_use: true };
        Ok(Self { work: Mutex::new(work), timer: Timer::new()? })
    }

    pub fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("no thread panicked")
    }

    /// How far its queues have been worked off.
    pub fn progress(&self) -> [Option<Progress>; 2] {
        self.lock().active.as_ref().map_or([None, None], Active::progress)
    }

    /// The tap's descriptor, while there is one.
    pub fn tap(&self) -> Option<RawFd> {
        self.lock().tap.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Puts the tap's queue, one of several, to use or out of it.
    pub fn set_in_use(&self, in_use: bool) -> io::Result<()> {
        let mut work = self.lock();
        if let Some(tap) = work.tap.as_ref().filter(|_| work.in_use != in_use) {
            tap.set_in_use(in_use)?;
        }
        work.in_use = in_use;
        Ok(())
    }
}

impl Net {
    /// Serves what a pair has to do.
    pub(super) fn serve_pair(&self, index: usize, ready: Ready) {
        let (pair, first) = (&self.pairs[index], 2 * index);
        match ready {
            Ready::Timer => pair.timer.clear(),
            Ready::Tap => {}
            Ready::Rx => drop(self.kicks[first + RX].read()),
            Ready::Tx => drop(self.kicks[first + TX].read()),
        }
        if ready == Ready::Tap && index > 0 && index >= self.pairs_in_use() {
            // The driver does not use it: what comes next goes to the others.
            return drop(pair.set_in_use(false));
        }
        let mut work = pair.lock();
        let Work { tap, active: Some(active), .. } = &mut *work else { return };
        let tap = tap.as_ref();
        for queue in [RX, TX] {
            let turn = match (queue, ready) {
                (RX, Ready::Rx | Ready::Tap | Ready::Timer) => {
                    active.receive(tap, &self.counters, &self.limiters[RX])
                }
                (TX, Ready::Tx | Ready::Timer) => active.transmit(tap, &self.counters, &self.limiters[TX]),
                _ => continue,
            };
            match turn {
                Turn::Over => {}
                // More than one turn's worth: the others come first. A full counter means that it is due anyway.
                Turn::More => drop(self.kicks[first + queue].write(1)),
                Turn::Wait(wait) => pair.timer.set(wait),
            }
        }
    }

    /// What a pair waits for, the tap last: it may be gone.
    pub(super) fn descriptors_of(&self, index: usize) -> Vec<(RawFd, Interest)> {
        let pair = &self.pairs[index];
        let mut descriptors = vec![
            (self.kicks[2 * index + RX].as_raw_fd(), Interest::Readable),
            (self.kicks[2 * index + TX].as_raw_fd(), Interest::Readable),
            (pair.timer.as_raw_fd(), Interest::Readable),
        ];
        // Edge-triggered: when the guest has no room, frames stay in the tap until it says that it has.
        descriptors.extend(pair.tap().map(|tap| (tap, Interest::ReadableEdge)));
        descriptors
    }

    /// Serves number `which` of what pair `index` waits for: room, frames of the guest, time, frames of the tap.
    pub fn ready_of(&self, index: usize, which: usize) {
        let ready = [Ready::Rx, Ready::Tx, Ready::Timer, Ready::Tap];
        // Of a driver that knows of one pair, the control queue comes right behind it.
        if (index, which) == (1, RX) && self.is_control(2) {
            return self.serve_control(2);
        }
        self.serve_pair(index, ready[which.min(3)]);
    }
}

/// A further pair, as its own thread's loop serves it.
#[derive(Debug)]
pub struct Further(pub Arc<Net>, pub usize);

impl EventSource for Further {
    fn descriptors(&self) -> Vec<(RawFd, Interest)> {
        self.0.descriptors_of(self.1)
    }

    fn ready(&self, which: usize) {
        self.0.ready_of(self.1, which);
    }
}
