//! From a request to a process, with pipes or a terminal.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use cumulet_agent_protocol::{Channel, Exec, Failure, FailureCode, TerminalSize};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use rustix::thread::{Gid, Uid};

use crate::System;
use crate::sys::{Become, prepare};
use crate::users::{self, User};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A process that runs.
pub struct Started {
    /// The process.
    pub child: Child,
    /// What it writes, by channel.
    pub outputs: Vec<(Channel, OwnedFd)>,
    /// What it reads, if there is such.
    pub input: Option<OwnedFd>,
    /// Its terminal.
    pub terminal: Option<Terminal>,
}

/// Our end of a terminal.
#[derive(Debug)]
pub struct Terminal(OwnedFd);

impl Terminal {
    /// Sets its size; the programs in it are told by SIGWINCH.
    pub fn resize(&self, size: TerminalSize) {
        let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
        // A terminal that is gone has no size.
        _ = tcsetwinsize(&self.0, size);
    }
}

/// Starts the program.
pub fn start(system: &System, exec: &Exec) -> Result<Started, Failure> {
    let user = users::find(system, exec.user.as_deref().unwrap_or("root"))?;
    let mut command = command(exec, &user)?;
    let who = Become {
        uid: Uid::from_raw(user.uid),
        gid: Gid::from_raw(user.gid),
        groups: user.groups.iter().copied().map(Gid::from_raw).collect(),
        terminal: exec.terminal.is_some(),
    };
    prepare(&mut command, who);
    let started = match exec.terminal {
        Some(size) => with_terminal(&mut command, size),
        None => with_pipes(&mut command, exec.stdin),
    };
    started.map_err(|error| explain(exec, &error))
}

fn command(exec: &Exec, user: &User) -> Result<Command, Failure> {
    let invalid = |text: &str| Failure::new(FailureCode::Invalid, text);
    let (program, arguments) = exec
        .argv
        .split_first()
        .filter(|(program, _)| !program.is_empty())
        .ok_or_else(|| invalid("there is no program to run"))?;
    let bad_name = |name: &String| name.is_empty() || name.contains('=');
    if exec.env.keys().any(bad_name) {
        return Err(invalid("a variable's name must not be empty or hold ="));
    }
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH);
    command
        .env("HOME", &user.home)
        .env("USER", &user.name)
        .env("LOGNAME", &user.name)
        .env("SHELL", &user.shell);
    command.envs(&exec.env);
    let home = std::path::Path::new(&user.home);
    let cwd = exec.cwd.as_deref().map(std::path::Path::new);
    command.current_dir(cwd.unwrap_or(if home.is_dir() { home } else { "/".as_ref() }));
    Ok(command)
}

fn with_pipes(command: &mut Command, stdin: bool) -> io::Result<Started> {
    command.stdin(if stdin { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let input = child.stdin.take().map(OwnedFd::from);
    let output = child.stdout.take().map(|pipe| (Channel::Output, OwnedFd::from(pipe)));
    let errors = child.stderr.take().map(|pipe| (Channel::Errors, OwnedFd::from(pipe)));
    Ok(Started { child, outputs: output.into_iter().chain(errors).collect(), input, terminal: None })
}

fn with_terminal(command: &mut Command, size: TerminalSize) -> io::Result<Started> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let theirs = ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    let terminal = Terminal(ours.try_clone()?);
    terminal.resize(size);
    let theirs = File::from(theirs);
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
    let child = command.spawn();
    // The command would keep the terminal's other end open, and so its end from being seen.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let input = Some(ours.try_clone()?);
    Ok(Started { child: child?, outputs: vec![(Channel::Output, ours)], input, terminal: Some(terminal) })
}

/// What was wrong, as far as it can be told: the system has the same word for a missing program and directory.
fn explain(exec: &Exec, error: &io::Error) -> Failure {
    let program: String = exec.argv.first().map(|name| name.chars().take(200).collect()).unwrap_or_default();
    let cwd = exec.cwd.as_deref().filter(|cwd| !std::path::Path::new(cwd).is_dir());
    if let Some(cwd) = cwd {
        return Failure::new(FailureCode::NotFound, format!("there is no directory {cwd:?} in the guest"));
    }
    match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(FailureCode::NotFound, format!("there is no program {program:?} in the guest"))
        }
        _ => Failure::new(FailureCode::System, format!("the guest can't run {program:?}: {error}")),
    }
}
