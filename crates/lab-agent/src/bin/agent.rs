//! The first process of the lab, once its init script has put the file tree together.
//!
//! As process 1 it only starts itself again as the agent, collects orphans, and ends the lab when the agent has
//! ended. The agent serves each port with a thread: await a host, its greeting and its request, run the command,
//! tell how it went, and again.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::thread;

use cumulet_lab_agent::wire::{Frame, WireError, await_greeting};
use cumulet_lab_agent::{command, port};
use nix::errno::Errno;
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

fn main() -> ExitCode {
    if std::process::id() == 1 {
        preside();
        eprintln!("lab agent: it ended, and with it the lab");
        let _ = reboot(RebootMode::RB_POWER_OFF);
        return ExitCode::FAILURE;
    }
    match serve_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab agent: cannot serve the ports: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the agent and collects processes until it is among them.
fn preside() {
    let agent = match Command::new("/proc/self/exe").arg0("cumulet-lab-agent").spawn() {
        Ok(child) => Pid::from_raw(child.id().cast_signed()),
        Err(error) => return eprintln!("lab agent: cannot start it: {error}"),
    };
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) if pid == agent => return,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return eprintln!("lab agent: cannot wait for it: {error}"),
        }
    }
}

fn serve_all() -> io::Result<()> {
    let ports = port::find_ports()?;
    let files = ports.iter().map(|path| port::open(path)).collect::<io::Result<Vec<_>>>()?;
    eprintln!("lab agent: ready on {} ports", files.len());
    thread::scope(|scope| {
        for file in &files {
            scope.spawn(move || serve_port(file));
        }
    });
    Ok(())
}

/// Serves one port for ever.
fn serve_port(file: &File) {
    let mut greeting = None;
    loop {
        greeting = match talk(file, greeting) {
            Ok(next) => next,
            Err(error) => {
                if !is_departure(&error) {
                    eprintln!("lab agent: a talk broke off: {error:?}");
                }
                None
            }
        }
    }
}

/// One talk; the next one's greeting, if that came before the end of this one.
fn talk(file: &File, greeting: Option<u64>) -> Result<Option<u64>, WireError> {
    let mut stream = file;
    let number = match greeting {
        Some(number) => number,
        None => {
            port::await_host(file);
            await_greeting(&mut stream)?
        }
    };
    Frame::Greeting(number).send(&mut stream)?;
    match Frame::receive(&mut stream)? {
        Frame::Run(request) => command::serve(file, &request),
        Frame::Greeting(number) => Ok(Some(number)),
        _ => Ok(None),
    }
}

/// Whether the talk ended only because the host went away, as it may at any time.
fn is_departure(error: &WireError) -> bool {
    matches!(error, WireError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof)
}
