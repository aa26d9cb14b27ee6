//! Machines to measure: ours with and without its jail, and the peers'. All get the same kernel, RAM disk, command line
//! and disk, and have their serial console on standard input and output.

mod console;
mod cumulet;
mod firecracker;
mod http;
mod qemu;
mod qmp;
mod running;

pub use console::LIMIT;
pub use cumulet::{Jails, Saved};
pub use running::Running;

use crate::error::{BenchError, Result};
use crate::programs::Programs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// A guest.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The kernel: an ELF image, which all VMMs load.
    pub kernel: PathBuf,
    /// The RAM disk.
    pub initrd: PathBuf,
    /// Memory.
    pub memory_mib: u64,
    /// A raw disk.
    pub disk: Option<PathBuf>,
    /// A tap, by its name in the network namespace.
    pub tap: Option<Tap>,
    /// Whether there are sockets to the host.
    pub vsock: bool,
    /// Whether a peer serves its monitor or API, which costs it a little. Ours always serves its own.
    pub monitor: bool,
}

impl Guest {
    /// With kernel, RAM disk and memory, and no more.
    pub fn new(kernel: &Path, initrd: PathBuf, memory_mib: u64) -> Self {
        Self {
            kernel: kernel.to_owned(),
            initrd,
            memory_mib,
            disk: None,
            tap: None,
            vsock: false,
            monitor: false,
        }
    }
}

/// A guest's interface.
#[derive(Debug, Clone)]
pub struct Tap {
    /// The network namespace, by its name.
    pub namespace: String,
    /// The tap in it.
    pub name: String,
    /// The guest's hardware address.
    pub mac: String,
}

/// The guests' CID for sockets.
pub const CID: u32 = 3;

/// What all kernels are told.
const CMDLINE: &str =
    "console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check cryptomgr.notests 8250.nr_uarts=1";

/// A kind of VMM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vmm {
    /// Ours as the daemon starts it: in its jail.
    Cumulet,
    /// Ours as the peers are started.
    Unjailed,
    /// QEMU's microvm machine.
    Qemu,
    /// Firecracker, without its jailer.
    Firecracker,
}

impl Vmm {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cumulet => "cumulet",
            Self::Unjailed => "cumulet, no jail",
            Self::Qemu => "QEMU microvm",
            Self::Firecracker => "Firecracker",
        }
    }

    /// Whether ours are compared with it.
    pub fn is_peer(self) -> bool {
        matches!(self, Self::Qemu | Self::Firecracker)
    }
}

/// What is needed to start machines.
#[derive(Debug)]
pub struct Host {
    /// The programs.
    pub programs: Programs,
    /// The jails of ours.
    pub jails: Jails,
}

/// A VMM's process that is about to start.
struct Prepared {
    command: Command,
    /// Whether it is to be the first process of its namespace.
    first: bool,
    /// Open in the process under their numbers.
    inherited: Vec<OwnedFd>,
    /// What is taken back at the end.
    cell: Option<cumulet::Cell>,
}

impl Prepared {
    fn new(command: Command) -> Self {
        Self { command, first: false, inherited: Vec::new(), cell: None }
    }
}

impl Host {
    /// Starts a machine in `dir`, an empty directory, typing `input` ahead.
    pub fn start(&self, vmm: Vmm, dir: &Path, guest: &Guest, input: &str) -> Result<Running> {
        let prepared = match vmm {
            Vmm::Cumulet | Vmm::Unjailed => self.cumulet(dir, vmm == Vmm::Cumulet, guest)?,
            Vmm::Qemu => self.qemu(dir, guest)?,
            Vmm::Firecracker => self.firecracker(dir, guest)?,
        };
        Running::spawn(prepared, dir, input)
    }

    fn program(&self, vmm: Vmm) -> Result<&Path> {
        self.programs.peer(vmm).ok_or_else(|| BenchError::Machine(format!("{} is not there", vmm.name())))
    }
}

/// The command that runs `program` where the guest's tap is.
fn command_for(program: &Path, guest: &Guest) -> Command {
    match &guest.tap {
        None => Command::new(program),
        Some(tap) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &tap.namespace]).arg(program);
            command
        }
    }
}

/// Milliseconds since then.
pub fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
