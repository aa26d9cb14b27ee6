//! `cumulet-lab-exec RUN-DIRECTORY LAB-DIRECTORY [NAME=VALUE…] -- PROGRAM [ARGUMENT…]`: runs a command in a lab.
//!
//! Called by `scripts/lab`. It takes a free port of the lab by locking `port-N.lock`, passes the request, copies
//! the command's output to its own, hands signals on, and exits with the command's status. A second interrupt
//! makes it leave at once, and the lab then ends the command. Its own troubles have the exit status 125.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use cumulet_lab_agent::wire::{Frame, Request, WireError, await_greeting};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{SigSet, Signal};

/// The exit status for a command that could not be run, as with `chroot` and `env`.
const COULD_NOT_RUN: u8 = 125;

fn main() -> ExitCode {
    let signals = handled_signals();
    if let Err(error) = signals.thread_block() {
        return complain(&format!("cannot block signals: {error}"));
    }
    match parse(std::env::args().skip(1)) {
        Some((run, request)) => converse(&run, request, signals).unwrap_or_else(|error| complain(&error)),
        None => complain("usage: cumulet-lab-exec RUN-DIRECTORY LAB-DIRECTORY [NAME=VALUE…] -- PROGRAM…"),
    }
}

fn complain(text: &str) -> ExitCode {
    eprintln!("lab: {text}");
    ExitCode::from(COULD_NOT_RUN)
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<(PathBuf, Request)> {
    let run = PathBuf::from(arguments.next()?);
    let directory = arguments.next()?;
    let environment = arguments
        .by_ref()
        .take_while(|argument| argument != "--")
        .filter_map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let arguments: Vec<_> = arguments.collect();
    (!arguments.is_empty()).then_some((run, Request { arguments, directory, environment }))
}

fn converse(run: &Path, request: Request, signals: SigSet) -> Result<ExitCode, String> {
    let (mut stream, _lock) = take_port(run)?;
    let result = talk(&mut stream, request, signals);
    let _ = Frame::Bye.send(&mut stream);
    result.map_err(|error| format!("the lab went away while the command ran: {error:?}"))
}

fn talk(stream: &mut UnixStream, request: Request, signals: SigSet) -> Result<ExitCode, WireError> {
    let number = u64::from(std::process::id()) << 32 | u64::from(rough_time());
    Frame::Greeting(number).send(stream)?;
    while await_greeting(stream)? != number {}
    Frame::Run(request).send(stream)?;
    forward(signals, stream.try_clone()?);
    loop {
        match Frame::receive(stream)? {
            Frame::Stdout(bytes) => copy(&mut io::stdout(), &bytes),
            Frame::Stderr(bytes) => copy(&mut io::stderr(), &bytes),
            Frame::Exit(status) => return Ok(ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))),
            Frame::Failed(text) => return Ok(complain(&text)),
            _ => {}
        }
    }
}

/// Something that differs between two processes that come to have the same id.
fn rough_time() -> u32 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.subsec_nanos())
}

/// Output that nobody reads any more is dropped; the command still runs to its end.
fn copy(to: &mut impl Write, bytes: &[u8]) {
    let _ = to.write_all(bytes).and_then(|()| to.flush());
}

fn handled_signals() -> SigSet {
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect()
}

/// Sends each signal on to the command; the second one ends this process as well.
fn forward(signals: SigSet, mut stream: UnixStream) {
    thread::spawn(move || {
        for count in 1.. {
            let Ok(signal) = signals.wait() else { return };
            let _ = Frame::Signal(signal as i32).send(&mut stream);
            if count > 1 {
                std::process::exit(128 + signal as i32);
            }
        }
    });
}

/// The first port that nobody uses; waits while all are taken.
fn take_port(run: &Path) -> Result<(UnixStream, Flock<File>), String> {
    loop {
        let ports =
            (0..).map(|number| run.join(format!("port-{number}.sock"))).take_while(|path| path.exists());
        let mut seen = false;
        for socket in ports {
            seen = true;
            let lock = File::create(socket.with_extension("lock"))
                .map_err(|error| format!("cannot lock {}: {error}", socket.display()))?;
            let Ok(lock) = Flock::lock(lock, FlockArg::LockExclusiveNonblock) else { continue };
            let stream = UnixStream::connect(&socket)
                .map_err(|error| format!("no lab answers at {}: {error}", socket.display()))?;
            return Ok((stream, lock));
        }
        if !seen {
            return Err(format!("no lab is running in {}", run.display()));
        }
        thread::sleep(Duration::from_millis(50));
    }
}
