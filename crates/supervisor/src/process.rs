//! A process held by its pidfd, which stays that of the one process however pids are used anew.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};
use tokio::io::unix::AsyncFd;

use crate::sys;

/// A process that runs or has run.
#[derive(Debug)]
pub struct Process {
    fd: AsyncFd<OwnedFd>,
    pid: u32,
}

impl Process {
    /// Takes hold of whatever process has `pid` now. For a child of ours that was not reaped yet, that is the child;
    /// for any other the caller finds out afterwards who was got. `None` if there is none.
    pub fn open(pid: u32) -> io::Result<Option<Self>> {
        let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match rustix::process::pidfd_open(raw, PidfdFlags::NONBLOCK) {
            Ok(fd) => Ok(Some(Self { fd: sys::wait_readable(fd)?, pid })),
            Err(Errno::SRCH | Errno::INVAL) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes hold of the process that had `pid` and was started at `start_time` (clock ticks since the host's boot).
    /// `None` if it is gone.
    pub fn open_identified(pid: u32, start_time: u64) -> io::Result<Option<Self>> {
        let Some(process) = Self::open(pid)? else { return Ok(None) };
        // Asked after the opening: if the number was given to another process before that, this one is younger.
        Ok((start_time_of(pid)? == Some(start_time)).then_some(process))
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal; to a process that has ended is a success.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match rustix::process::pidfd_send_signal(self.fd.get_ref(), signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The processor time of all its threads until now (proc_pid_stat(5), fields 14 and 15).
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // Asked after the reading: as long as it lives, its number is nobody else's.
        let mut ended = [PollFd::new(self.fd.get_ref(), PollFlags::IN)];
        if poll(&mut ended, Some(&Timespec::default()))? != 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        let ticks: u64 = fields(&stat).skip(14 - 3).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
        let second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_millis(ticks.saturating_mul(1000) / second.max(1)))
    }

    /// Waits until it has ended, and reaps it if it is a child of ours.
    pub async fn ended(&self) -> io::Result<()> {
        // A pidfd is readable from the process's end on, so the readiness is never cleared.
        let _ready = self.fd.readable().await?;
        match rustix::process::waitid(
            WaitId::PidFd(self.fd.get_ref().as_fd()),
            WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
        ) {
            Ok(_) | Err(Errno::CHILD) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Whether the process that had `pid` and was started at `start_time` lives: one that has ended and waits to be reaped
/// does not, one whose first thread has ended does.
pub fn lives(pid: u32, start_time: u64) -> io::Result<bool> {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(false) };
    let fd = match rustix::process::pidfd_open(raw, PidfdFlags::empty()) {
        Ok(fd) => fd,
        Err(Errno::SRCH | Errno::INVAL) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    };
    if start_time_of(pid)? != Some(start_time) {
        return Ok(false);
    }
    let mut wait = [PollFd::new(&fd, PollFlags::IN)];
    Ok(poll(&mut wait, Some(&Timespec::default()))? == 0)
}

/// When the process of this number was started, in clock ticks since the host's boot (proc_pid_stat(5), field 22).
pub fn start_time_of(pid: u32) -> io::Result<Option<u64>> {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => Ok(parse_start_time(&stat)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse_start_time(stat: &str) -> Option<u64> {
    fields(stat).nth(22 - 3)?.parse().ok()
}

/// The name in parentheses may hold anything, parentheses too; the fields after the last one are plain words, the first
/// of them being field 3.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace()
}

/// This boot of the host.
pub fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "12 (a) S 1 2 (b)) S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 9876 1 2 3";
        assert_eq!(parse_start_time(stat), Some(9876));
        assert_eq!(parse_start_time("12 (a"), None);
    }

    #[tokio::test]
    #[expect(clippy::zombie_processes, reason = "that `ended` reaps is what the test is about")]
    async fn a_process_is_known_by_its_start_time_and_killed_by_its_descriptor() {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let start = start_time_of(child.id()).unwrap().unwrap();
        assert!(Process::open_identified(child.id(), start + 1).unwrap().is_none(), "another process");
        let process = Process::open_identified(child.id(), start).unwrap().unwrap();
        process.cpu_time().unwrap();
        process.signal(Signal::KILL).unwrap();
        process.ended().await.unwrap();
        assert!(process.cpu_time().is_err());
        assert_eq!(start_time_of(child.id()).unwrap(), None, "reaped");
        process.signal(Signal::KILL).unwrap();
        process.ended().await.unwrap();
    }
}
