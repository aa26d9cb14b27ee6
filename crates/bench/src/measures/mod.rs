//! What can be measured, a file for each kind.

mod agent;
mod block;
mod boot;
mod memory;
mod network;
mod restore;
mod server;
mod turns;

use crate::error::{BenchError, Result};
use crate::guest::{self, Program};
use crate::machine::{Guest, Host, Jails, Vmm};
use crate::programs::Programs;
use crate::report::Figure;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Memory of a guest whose boot, restore or VMM is measured.
const MEMORY_MIB: u64 = 128;

/// A kind of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// From process start to the guest's init and to its agent's answer, and what of it is the jail's.
    Boot,
    /// Saving, restoring, forking.
    Restore,
    /// What a VMM and what a fork takes.
    Memory,
    /// The disk from inside the guest.
    Block,
    /// The network from inside the guest.
    Network,
}

/// How to measure.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The guests' kernel.
    pub kernel: PathBuf,
    /// How many times.
    pub runs: usize,
    /// The peers to measure beside, there or not.
    pub peers: Vec<Vmm>,
    /// The programs.
    pub programs: Programs,
}

/// Measures.
pub struct Bench<'t> {
    kernel: PathBuf,
    runs: usize,
    peers: Vec<Vmm>,
    host: Host,
    dir: TempDir,
    count: u32,
    tell: &'t mut dyn FnMut(&str),
}

impl<'t> Bench<'t> {
    /// Gets ready; `tell` is told what is going on.
    pub fn new(settings: Settings, tell: &'t mut dyn FnMut(&str)) -> Result<Self> {
        let dir = TempDir::with_prefix("cumulet-bench.").map_err(BenchError::io("make a directory"))?;
        let kernel = settings.kernel.canonicalize().map_err(BenchError::io("find the kernel"))?;
        // A jail's user has to get through to its run directory.
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .map_err(BenchError::io("open a directory"))?;
        let host = Host { programs: settings.programs, jails: Jails::prepare() };
        Ok(Self { kernel, runs: settings.runs, peers: settings.peers, host, dir, count: 0, tell })
    }

    /// Measures.
    pub fn measure(&mut self, what: What) -> Result<Vec<Figure>> {
        match what {
            What::Boot => self.boot(),
            What::Restore => self.restores(),
            What::Memory => self.memory(),
            What::Block => self.block(),
            What::Network => self.network(),
        }
    }

    /// The peers' part of who is measured, after ours.
    fn with_peers(&self, ours: &[Vmm]) -> Vec<Vmm> {
        ours.iter().chain(&self.peers).copied().collect()
    }

    /// A new empty directory for a machine.
    fn new_dir(&mut self) -> Result<PathBuf> {
        self.count += 1;
        let dir = self.dir.path().join(self.count.to_string());
        std::fs::create_dir(&dir).map_err(BenchError::io("make a directory"))?;
        Ok(dir)
    }

    /// A guest that says that it is there, and answers.
    fn answering(&self) -> Result<Guest> {
        Ok(Guest::new(&self.kernel, guest::initrd(self.dir.path(), Program::Answer, None)?, MEMORY_MIB))
    }

    fn agent(&self) -> Option<&Path> {
        self.host.programs.agent.as_deref()
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        self.host.jails.leave();
    }
}
