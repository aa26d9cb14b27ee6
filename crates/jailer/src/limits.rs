//! Resource limits (setrlimit(2)) of a jailed process. They hold also where the host has no control groups to give.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// Open files: descriptors of disks and taps, and an eventfd for each queue and interrupt of up to 30 devices.
const OPEN_FILES: u64 = 4096;

/// How many threads a VMM of so many vCPUs may have: the vCPUs', the disks', those of interfaces' further
/// queues and the main one, and what the kernel counts
/// as the user's threads when it serves a VMM's files.
pub fn threads(vcpus: u32) -> u64 {
    u64::from(vcpus) + 128
}

/// Sets the limits. None is raised above what it was.
pub fn set(threads: Option<u64>) -> io::Result<()> {
    // A core file would be the guest's memory on the host's disk.
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, OPEN_FILES)?;
    lower(Resource::Msgqueue, 0)?;
    if let Some(threads) = threads {
        lower(Resource::Nproc, threads)?;
    }
    Ok(())
}

fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let now = getrlimit(resource);
    let maximum = Some(now.maximum.map_or(to, |maximum| maximum.min(to)));
    Ok(setrlimit(resource, Rlimit { current: maximum, maximum })?)
}
