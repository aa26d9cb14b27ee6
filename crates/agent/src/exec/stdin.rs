//! Standard input: what the client sent and the program did not take yet, at most [`STDIN_WINDOW`] bytes of it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cumulet_agent_protocol::{AgentMessage, Room, STDIN_WINDOW};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::listen::STACK;
use crate::wire::Writer;

/// How often a feeder that waits for its program looks whether it is to stop.
const LOOK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// What a terminal takes for the end of its input.
const END_OF_TRANSMISSION: u8 = 4;

/// Feeds a program from a thread of its own.
#[derive(Clone)]
pub struct Feeder(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    is_terminal: bool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Nothing more comes.
    ended: bool,
    /// Nobody is interested any more.
    stopped: bool,
}

impl Feeder {
    /// Starts feeding `input`; without one, what comes is thrown away.
    pub fn start(input: Option<OwnedFd>, is_terminal: bool, writer: Writer) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), is_terminal });
        let feeder = Self(Arc::clone(&shared));
        if let Some(input) = &input {
            fcntl_setfl(input, fcntl_getfl(input)? | OFlags::NONBLOCK)?;
        }
        std::thread::Builder::new().stack_size(STACK).spawn(move || shared.run(input, &writer))?;
        Ok(feeder)
    }

    /// Takes bytes; false where the client sends more than there is room for.
    pub fn feed(&self, bytes: Vec<u8>) -> bool {
        let mut state = self.0.lock();
        if state.bytes + bytes.len() > STDIN_WINDOW {
            return false;
        }
        if !state.ended && !bytes.is_empty() {
            state.bytes += bytes.len();
            state.waiting.push_back(bytes);
            self.0.changed.notify_one();
        }
        true
    }

    /// After what was fed, the input is at its end.
    pub fn end(&self) {
        let mut state = self.0.lock();
        if !state.ended && self.0.is_terminal {
            state.bytes += 1;
            state.waiting.push_back(vec![END_OF_TRANSMISSION]);
        }
        state.ended = true;
        self.0.changed.notify_one();
    }

    /// Stops at once.
    pub fn stop(&self) {
        self.0.lock().stopped = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut input: Option<OwnedFd>, writer: &Writer) {
        while let Some(bytes) = self.next() {
            // A program that reads no more: the rest is thrown away, as a pipe does with it.
            if let Some(open) = &input
                && self.write(open, &bytes).is_err()
            {
                input = None;
            }
            self.lock().bytes -= bytes.len();
            let room = Room { bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX) };
            if writer.say(&AgentMessage::Room(room)).is_err() {
                return;
            }
        }
    }

    /// The next bytes; none at the end, when the input is to be closed.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(bytes) = state.waiting.pop_front() {
                return Some(bytes);
            }
            if state.ended {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&self, input: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(input, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if self.lock().stopped {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    }
                    match poll(&mut [PollFd::new(input, PollFlags::OUT)], Some(&LOOK)) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
