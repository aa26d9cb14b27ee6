//! A program that runs for the host.
//!
//! Three threads: the connection's own reads what the client says; the pump (`pump.rs`) carries output and knows of the
//! end; the feeder (`stdin.rs`) carries input, so that a program that does not read keeps no signal from it.
//!
//! The pump reaps the process and is the only one to do so. [`Session`] is what the others know of it: after the end
//! its process id may be another's, so it is forgotten first.

mod pump;
mod spawn;
mod stdin;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cumulet_agent_protocol::{AgentMessage, Channel, ClientMessage, Exec};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::System;
use crate::listen::STACK;
use crate::wire::{Reader, WireError, Writer};

use stdin::Feeder;

/// How long the processes of a client that has gone may take to end after SIGHUP.
const GRACE: Duration = Duration::from_secs(5);

/// The session of a program, by its leader's process id, until the leader is reaped.
#[derive(Debug, Clone)]
struct Session(Arc<Mutex<Option<Pid>>>);

impl Session {
    fn new(leader: Pid) -> Self {
        Self(Arc::new(Mutex::new(Some(leader))))
    }

    /// Signals the leader's process group, if there is one.
    fn signal(&self, signal: Signal) {
        if let Some(leader) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // Nobody left in it: as good.
            _ = kill_process_group(leader, signal);
        }
    }

    /// Reaps by `wait`, with nobody signalling meanwhile.
    fn end<T>(&self, wait: impl FnOnce() -> T) -> T {
        let mut leader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *leader = None;
        wait()
    }
}

/// Runs a program and serves its client to the end of both.
pub fn serve(exec: &Exec, mut reader: Reader, writer: &Writer) -> Result<(), WireError> {
    let started = match spawn::start(&System::real(), exec) {
        Ok(started) => started,
        Err(failure) => {
            writer.fail(failure)?;
            reader.part();
            return Ok(());
        }
    };
    let spawn::Started { child, outputs, input, terminal } = started;
    let leader = Pid::from_child(&child);
    let session = Session::new(leader);
    let feeder = Feeder::start(input, terminal.is_some(), writer.clone())?;
    writer.say(&AgentMessage::Started { pid: child.id() })?;
    let (of_pump, out, told) = (session.clone(), writer.clone(), feeder.clone());
    let pump = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        pump::run(child, leader, outputs, &of_pump, &out);
        told.stop();
    })?;
    let ended = listen(&mut reader, &session, &feeder, terminal.as_ref());
    feeder.stop();
    drop(terminal);
    if !pump.is_finished() {
        session.signal(Signal::HUP);
        let begun = std::time::Instant::now();
        while !pump.is_finished() && begun.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(20));
        }
        session.signal(Signal::KILL);
    }
    _ = pump.join();
    ended
}

/// Does what the client says until it has gone.
fn listen(
    reader: &mut Reader,
    session: &Session,
    feeder: &Feeder,
    terminal: Option<&spawn::Terminal>,
) -> Result<(), WireError> {
    while let Some(frame) = reader.next()? {
        if frame.channel == Channel::Data {
            if !feeder.feed(frame.payload) {
                // It was told how much there is room for.
                return Ok(());
            }
            continue;
        }
        match frame.read_message()? {
            ClientMessage::Signal(signal) => {
                if let Some(signal) = Signal::from_named_raw(signal.number) {
                    session.signal(signal);
                }
            }
            ClientMessage::Resize(size) => {
                if let Some(terminal) = terminal {
                    terminal.resize(size);
                }
            }
            ClientMessage::End => feeder.end(),
            ClientMessage::Request(_) | ClientMessage::Entry(_) => return Ok(()),
        }
    }
    Ok(())
}
