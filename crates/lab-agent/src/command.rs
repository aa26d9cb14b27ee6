//! One command in the lab, from its request to its exit status.
//!
//! The command is the leader of a process group of its own. It is over when its first process is: what it left
//! in the background, a daemon say, goes on, but its output is no longer carried. If the host goes away before,
//! the whole group is ended, first asked and then killed.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::wire::{Frame, Request, WireError};

/// How long a command may go on after the host has gone, once asked to end.
const GRACE: Duration = Duration::from_secs(5);
/// How long output that is still in the pipes may take to be seen after the command's first process is gone.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// A request with this variable wants the host's files as they are now.
const FRESH: &str = "LAB_FRESH";
/// The size of a frame of output, at most.
const CHUNK: usize = 64 << 10;

/// Runs `request`, with its output sent to `port` as it comes, and ends with an exit or a failure frame.
/// If another host has come in the middle, its greeting is given back.
///
/// # Errors
/// Any failure of the port; the command has been ended by then.
pub fn serve(port: &File, request: &Request) -> Result<Option<u64>, WireError> {
    if request.environment.iter().any(|(name, _)| name == FRESH) {
        look_anew();
    }
    let mut child = match start(request) {
        Ok(child) => child,
        Err(error) => {
            Frame::Failed(describe(request, &error)).send(&mut &*port)?;
            return Ok(None);
        }
    };
    let group = Pid::from_raw(child.id().cast_signed());
    let (sender, frames) = mpsc::sync_channel(16);
    carry(child.stdout.take(), Frame::Stdout, &sender);
    carry(child.stderr.take(), Frame::Stderr, &sender);
    let over = Arc::new(Mutex::new(false));
    let listener = listen(port.try_clone()?, group, &over);
    thread::spawn(move || {
        let code = child.wait().map_or(255, exit_code);
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        let _ = sender.send(Frame::Exit(code));
    });
    relay(port, &frames)?;
    Ok(listener.join().unwrap_or_default())
}

/// Lets go of what is remembered of the host's files: they may have changed, and nobody tells the lab.
fn look_anew() {
    if let Err(error) = std::fs::write("/proc/sys/vm/drop_caches", "3") {
        eprintln!("lab agent: cannot forget the host's files: {error}");
    }
}

fn start(request: &Request) -> io::Result<Child> {
    let (program, arguments) = request
        .arguments
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an empty command"))?;
    let path = request.environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str());
    Command::new(look_up(program, path.unwrap_or_default()))
        .arg0(program)
        .args(arguments)
        .env_clear()
        .envs(request.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&request.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// The file that `program` means with this `PATH`; the name as it is when nothing is found.
fn look_up(program: &str, path: &str) -> PathBuf {
    let named = PathBuf::from(program);
    if program.contains('/') {
        return named;
    }
    path.split(':').map(|folder| Path::new(folder).join(program)).find(|file| file.is_file()).unwrap_or(named)
}

fn describe(request: &Request, error: &io::Error) -> String {
    let program = request.arguments.first().map_or("", String::as_str);
    format!("cannot run `{program}` in {}: {error}", request.directory)
}

/// Sends what `pipe` gives as frames, until it ends or nobody listens any more.
fn carry(
    pipe: Option<impl Read + Send + 'static>,
    frame: fn(Vec<u8>) -> Frame,
    sender: &mpsc::SyncSender<Frame>,
) {
    let (Some(mut pipe), sender) = (pipe, sender.clone()) else { return };
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            if sender.send(frame(buffer[..length].to_vec())).is_err() {
                return;
            }
        }
    });
}

/// Passes the host's signals on until the talk is over, and ends the command if it outlives the talk.
fn listen(mut port: File, group: Pid, over: &Arc<Mutex<bool>>) -> JoinHandle<Option<u64>> {
    let over = Arc::clone(over);
    // The group's number may be another's once the first process has been waited for: look before each signal.
    let signal = move |signal: Signal| {
        let over = over.lock().unwrap_or_else(PoisonError::into_inner);
        if !*over {
            let _ = killpg(group, signal);
        }
        *over
    };
    thread::spawn(move || {
        let newcomer = loop {
            match Frame::receive(&mut port) {
                Ok(Frame::Signal(number)) => {
                    let _ = Signal::try_from(number).map(&signal);
                }
                Ok(Frame::Greeting(number)) => break Some(number),
                Ok(Frame::Bye) | Err(_) => break None,
                Ok(_) => {}
            }
        };
        if !signal(Signal::SIGTERM) {
            thread::sleep(GRACE);
            signal(Signal::SIGKILL);
        }
        newcomer
    })
}

/// Sends frames to the host, the exit status last.
fn relay(mut port: &File, frames: &mpsc::Receiver<Frame>) -> Result<(), WireError> {
    let mut exit = None;
    loop {
        let next = match exit {
            None => frames.recv().ok(),
            Some(_) => frames.recv_timeout(LAST_WORDS).ok(),
        };
        match next {
            Some(Frame::Exit(code)) => exit = Some(code),
            Some(frame) => frame.send(&mut port)?,
            None => return Frame::Exit(exit.unwrap_or(255)).send(&mut port),
        }
    }
}

/// The status as a shell tells it: 128 plus the signal's number for a killed process.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
