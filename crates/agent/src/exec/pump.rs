//! Output, until the process has ended and all that it wrote was sent.
//!
//! What it left running in the background may hold its pipes open; such output is not waited for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

use cumulet_agent_protocol::{AgentMessage, CHUNK, Channel, Exit};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Session;
use crate::wire::Writer;

/// Carries output until the end, reaps the process, tells how it ended.
pub fn run(
    mut child: Child,
    leader: Pid,
    outputs: Vec<(Channel, OwnedFd)>,
    session: &Session,
    writer: &Writer,
) {
    let carried = carry(leader, outputs, writer);
    if carried.is_err() {
        // The client can't be told any more; the connection's thread sees that too and ends the process.
        writer.close();
    }
    // It has ended already, unless the carrying failed: then whoever ends it must be able to signal it.
    if let Err(error) = wait_for_end(leader) {
        eprintln!("cumulet-agent: can't wait for process {}: {error}", child.id());
    }
    let status = session.end(|| child.wait());
    if let Ok(status) = status {
        _ = writer.say(&AgentMessage::Exited(exit(status)));
    }
}

fn exit(status: ExitStatus) -> Exit {
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match status.code() {
        Some(code) => Exit::Status(byte(code)),
        None => Exit::Signal(byte(status.signal().unwrap_or(0))),
    }
}

fn wait_for_end(leader: Pid) -> io::Result<()> {
    let process = pidfd_open(leader, PidfdFlags::empty())?;
    loop {
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], None) {
            Err(Errno::INTR) => {}
            done => return Ok(done.map(drop)?),
        }
    }
}

fn carry(leader: Pid, mut outputs: Vec<(Channel, OwnedFd)>, writer: &Writer) -> io::Result<()> {
    let process = pidfd_open(leader, PidfdFlags::empty())?;
    for (_, output) in &outputs {
        fcntl_setfl(output, fcntl_getfl(output)? | OFlags::NONBLOCK)?;
    }
    let mut buffer = vec![0; CHUNK];
    loop {
        let mut polled: Vec<_> =
            outputs.iter().map(|(_, output)| PollFd::new(output, PollFlags::IN)).collect();
        polled.push(PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN));
        match poll(&mut polled, None) {
            Err(Errno::INTR) => continue,
            done => done?,
        };
        let mut ready: Vec<_> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
        let has_ended = ready.pop().unwrap_or(true);
        let mut at = 0;
        let mut failed = Ok(());
        outputs.retain(|(channel, output)| {
            // After the end, all that is there now is all that there is.
            let is_ready = ready[at] || has_ended;
            at += 1;
            let stays = is_ready.then(|| drain(output, *channel, &mut buffer, has_ended, writer));
            match stays {
                None => true,
                Some(Ok(stays)) => stays,
                Some(Err(error)) => {
                    failed = Err(error);
                    false
                }
            }
        });
        failed?;
        if has_ended {
            return Ok(());
        }
    }
}

/// More than a pipe can hold (`pipe-max-size`, unless root makes it larger). What the process wrote was in the pipe when
/// it ended; what comes after so much is another's.
const PIPE: usize = 1 << 20;

/// Sends what is there: one buffer of it, or everything. False at the stream's end.
fn drain(
    output: &OwnedFd,
    channel: Channel,
    buffer: &mut [u8],
    everything: bool,
    writer: &Writer,
) -> io::Result<bool> {
    let mut left = if everything { PIPE } else { 1 };
    while left > 0 {
        match rustix::io::read(output, &mut *buffer) {
            // A terminal that nobody has open any more says EIO.
            Ok(0) | Err(Errno::IO) => return Ok(false),
            Ok(count) => {
                writer.send(channel, &buffer[..count]).map_err(io::Error::other)?;
                left = left.saturating_sub(count);
            }
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}
