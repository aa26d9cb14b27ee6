//! `cumulet bench`: this host's figures, ours beside others'.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cumulet_bench::report::{Figure, Report};
use cumulet_bench::{Bench as Machines, HostInfo, Programs, Settings, Vmm, What as Kind};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Progress, say};

/// Measure this host: boots, restores, memory, disks, network, beside QEMU and Firecracker.
///
/// Each figure names the event at which its time ends, and has median, 10th and 90th percentile. Ours and the peers' are
/// taken by turns in one run with the same kernel, RAM disk and disk, so that whatever else the host does falls on all
/// alike; a first round is not counted. A peer that is not installed, or that can't do it, says so in its row. Figures
/// of different hosts or runs should be compared by their ratios to the peers only.
#[derive(Debug, Args)]
#[command(after_help = "\
What is measured, and how:
  boot      from the start of the process to the first line of the guest's init on the console, and to the answer of the
            agent, with the jail and without; the peers run without theirs
  restore   saving a machine to files, restoring it, the pause of a machine that is forked, the start of a fork, until
            the guest answers a line
  memory    a VMM's memory without its guest's, from /proc/PID/smaps: the guest's is told by its size. What one more idle
            fork takes, of 50, and the same by MemAvailable
  block     random requests of 4 KiB and sequential ones of 128 KiB, reading and writing, 1 and 32 under way, from inside the
            guest with O_DIRECT; the disk is a raw file that fits into the host's page cache
  network   one TCP stream out and in, round trips of 64 bytes, datagrams of 64 bytes out and in, over a tap in a network
            namespace made for it

Peers: `qemu-system-x86_64` runs its microvm machine with qboot and virtio-mmio, `firecracker` as it is. Both are looked
for in the path.

Examples:
  sudo cumulet bench --kernel vmlinux
  sudo cumulet bench boot memory --kernel vmlinux --runs 50 --save figures.json
  sudo cumulet bench --kernel vmlinux --peers none --json | jq '.figures[] | {id, rows}'")]
pub struct Bench {
    /// What to measure [default: all]
    #[arg(value_enum)]
    what: Vec<What>,
    /// The kernel of guests: an ELF image (vmlinux) with virtio and a serial console built in
    #[arg(long, value_name = "FILE", env = "CUMULET_BENCH_KERNEL")]
    kernel: Option<PathBuf>,
    /// How many times each
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Whom to measure beside
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Peer::Qemu, Peer::Firecracker])]
    peers: Vec<Peer>,
    /// The agent for guests, linked statically [default: cumulet-agent beside this program, if it is static]
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Write the figures to this file too, as JSON
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Boot and jail
    Boot,
    /// Save, restore, fork
    Restore,
    /// Memory of VMMs and forks
    Memory,
    /// A disk's requests and throughput
    Block,
    /// A network's throughput and packets
    Network,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// QEMU's microvm machine
    Qemu,
    /// Firecracker
    Firecracker,
    /// Nobody
    None,
}

impl Bench {
    pub async fn run(self, context: &Context) -> Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::Usage("it makes jails, which needs root: sudo cumulet bench".into()));
        }
        let kernel = self.kernel.clone().ok_or_else(|| {
            Failure::Usage("name a kernel for the guests by --kernel or CUMULET_BENCH_KERNEL".into())
        })?;
        let peers = self.peers();
        let programs = Programs::find(&peers, self.agent.clone()).map_err(told)?;
        let host = HostInfo::read(Some(&kernel), programs.versions());
        let settings = Settings { kernel, runs: usize::from(self.runs), peers, programs };
        let report = Report { host, figures: self.machines(settings)? };
        if let Some(path) = &self.save {
            let json =
                serde_json::to_string_pretty(&report).map_err(|error| Failure::Other(error.to_string()))?;
            std::fs::write(path, json).map_err(Failure::io(format!("cannot write {}", path.display())))?;
        }
        if context.printed_json(&report)? {
            return Ok(());
        }
        say!("{}", report.to_string().trim_end())
    }

    /// What is measured without the daemon.
    fn machines(&self, settings: Settings) -> Result<Vec<Figure>> {
        let mut progress = Progress::new(false);
        let mut tell = |what: &str| progress.tell(what);
        let mut bench = Machines::new(settings, &mut tell).map_err(told)?;
        let mut figures = Vec::new();
        for what in What::value_variants().iter().copied().filter(|what| self.is_wanted(*what)) {
            let kind = match what {
                What::Boot => Kind::Boot,
                What::Restore => Kind::Restore,
                What::Memory => Kind::Memory,
                What::Block => Kind::Block,
                What::Network => Kind::Network,
            };
            figures.extend(bench.measure(kind).map_err(told)?);
        }
        Ok(figures)
    }

    fn is_wanted(&self, what: What) -> bool {
        self.what.is_empty() || self.what.contains(&what)
    }

    fn peers(&self) -> Vec<Vmm> {
        let all = [(Peer::Qemu, Vmm::Qemu), (Peer::Firecracker, Vmm::Firecracker)];
        all.into_iter().filter(|(peer, _)| self.peers.contains(peer)).map(|(_, vmm)| vmm).collect()
    }
}

fn told(error: cumulet_bench::BenchError) -> Failure {
    Failure::Other(error.explain())
}
