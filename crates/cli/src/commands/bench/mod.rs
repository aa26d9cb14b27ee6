//! `cumulet bench`: this host's figures, ours beside others'.

mod cloud;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cumulet_bench::report::{Figure, Report};
use cumulet_bench::{Bench as Machines, HostInfo, Programs, Settings, Vmm, What as Kind};

use self::cloud::{Cloud, Plan};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Progress, say};

/// Measure this host: boots, restores, memory, disks, network, launches, forks, beside QEMU and Firecracker.
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
  launch    by the API of a running daemon: from the request until sshd in the guest greets at the public address; how many
            instances of ten come to run per second
  fork      the same for forks: until a program that was run in the fork over the API has ended, and until its sshd greets;
            a hundred at once

Peers: `qemu-system-x86_64` runs its microvm machine with qboot and virtio-mmio, `firecracker` as it is. Both are looked
for in the path.

Examples:
  sudo cumulet bench --kernel vmlinux
  sudo cumulet bench launch fork --image micro --type t3.nano
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
    /// For launches and forks by the daemon: the image, by id or name; it needs sshd and cumulet-agent
    #[arg(long, value_name = "IMAGE", default_value = "micro")]
    image: String,
    /// For these: the instances' type [default: the API's]
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    instance_type: Option<String>,
    /// For these: how many forks at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    forks: u16,
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
    /// Launches by the daemon
    Launch,
    /// Forks by the daemon
    Fork,
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
        let machines: Vec<Kind> = self.wanted().filter_map(What::of_machines).collect();
        let peers = self.peers();
        let (mut figures, mut versions) = (Vec::new(), Vec::new());
        let host = HostInfo::read(self.kernel.as_deref(), Vec::new());
        if !machines.is_empty() {
            let settings = self.settings(peers)?;
            versions = settings.programs.versions();
            figures = measure_machines(settings, &machines)?;
        }
        if self.wanted().any(|what| what.of_machines().is_none()) {
            figures.extend(self.cloud(context).await?);
        }
        let report = Report { host: HostInfo { peers: versions, ..host }, figures };
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

    fn settings(&self, peers: Vec<Vmm>) -> Result<Settings> {
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::Usage("it makes jails, which needs root: sudo cumulet bench".into()));
        }
        let kernel = self.kernel.clone().ok_or_else(|| {
            Failure::Usage("name a kernel for the guests by --kernel or CUMULET_BENCH_KERNEL".into())
        })?;
        let programs = Programs::find(&peers, self.agent.clone()).map_err(told)?;
        Ok(Settings { kernel, runs: usize::from(self.runs), peers, programs })
    }

    /// What is asked of the daemon; a row that says why where there is none, or not the image.
    async fn cloud(&self, context: &Context) -> Result<Vec<Figure>> {
        let plan = Plan {
            runs: usize::from(self.runs),
            forks: u32::from(self.forks),
            image: &self.image,
            instance_type: self.instance_type.as_deref(),
        };
        let mut cloud = match Cloud::new(&context.client, plan).await {
            Ok(cloud) => cloud,
            Err(why) => return Ok(vec![cloud::left_out(&why)]),
        };
        let mut figures = Vec::new();
        for what in self.wanted() {
            let taken = match what {
                What::Launch => cloud.launches().await,
                What::Fork => cloud.forks().await,
                _ => continue,
            };
            figures.extend(taken.unwrap_or_else(|why| vec![cloud::left_out(&why)]));
        }
        cloud.leave().await?;
        Ok(figures)
    }

    fn wanted(&self) -> impl Iterator<Item = What> {
        What::value_variants().iter().copied().filter(|what| self.is_wanted(*what))
    }

    fn is_wanted(&self, what: What) -> bool {
        self.what.is_empty() || self.what.contains(&what)
    }

    fn peers(&self) -> Vec<Vmm> {
        let all = [(Peer::Qemu, Vmm::Qemu), (Peer::Firecracker, Vmm::Firecracker)];
        all.into_iter().filter(|(peer, _)| self.peers.contains(peer)).map(|(_, vmm)| vmm).collect()
    }
}

impl What {
    /// What is measured without the daemon.
    fn of_machines(self) -> Option<Kind> {
        match self {
            Self::Boot => Some(Kind::Boot),
            Self::Restore => Some(Kind::Restore),
            Self::Memory => Some(Kind::Memory),
            Self::Block => Some(Kind::Block),
            Self::Network => Some(Kind::Network),
            Self::Launch | Self::Fork => None,
        }
    }
}

fn measure_machines(settings: Settings, kinds: &[Kind]) -> Result<Vec<Figure>> {
    let mut progress = Progress::new(false);
    let mut tell = |what: &str| progress.tell(what);
    let mut bench = Machines::new(settings, &mut tell).map_err(told)?;
    let mut figures = Vec::new();
    for kind in kinds {
        figures.extend(bench.measure(*kind).map_err(told)?);
    }
    Ok(figures)
}

fn told(error: cumulet_bench::BenchError) -> Failure {
    Failure::Other(error.explain())
}
