//! The disk, from inside the guest, past its page cache.

use super::{Bench, MEMORY_MIB};
use crate::error::{BenchError, Result};
use crate::guest::{self, MARKER, Program};
use crate::machine::{Guest, LIMIT, Running, Vmm};
use crate::report::{Figure, Rule};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// Size of the disk. It fits into the host's page cache: what is measured is the way there.
const DISK_MIB: usize = 256;
/// How long one load is measured.
const MILLISECONDS: u32 = 500;

/// One way to use a disk.
struct Load {
    direction: &'static str,
    order: &'static str,
    kib: u32,
    depth: u32,
}

impl Bench<'_> {
    pub(super) fn block(&mut self) -> Result<Vec<Figure>> {
        let who = self.with_peers(&[Vmm::Cumulet]);
        let mut machines = Vec::new();
        for &vmm in &who {
            machines.push((vmm, self.with_disk(vmm)));
        }
        let mut figures = Vec::new();
        for (order, kib) in [("random", 4), ("sequential", 128)] {
            for direction in ["read", "write"] {
                for depth in [1, 32] {
                    let load = Load { direction, order, kib, depth };
                    figures.push(self.load(&load, &who, &mut machines));
                }
            }
        }
        Ok(figures)
    }

    /// A machine that works, with a disk of its own.
    fn with_disk(&mut self, vmm: Vmm) -> Result<Running> {
        let disk = self.disk(vmm)?;
        let initrd = guest::initrd(self.dir.path(), Program::Load, None)?;
        let guest = Guest { disk: Some(disk), ..Guest::new(&self.kernel, initrd, MEMORY_MIB) };
        let dir = self.new_dir()?;
        let mut machine = self.host.start(vmm, &dir, &guest, "")?;
        machine.wait_for(MARKER, LIMIT)?;
        Ok(machine)
    }

    /// A disk without holes, the same for all.
    fn disk(&self, vmm: Vmm) -> Result<PathBuf> {
        let path = self.dir.path().join(format!("{}.img", vmm.name()));
        let failed = || BenchError::io("make a disk");
        let mut file = File::create(&path).map_err(failed())?;
        let block: Vec<u8> = (0..1usize << 20).map(|at| (at / 8) as u8).collect();
        for _ in 0..DISK_MIB {
            file.write_all(&block).map_err(failed())?;
        }
        file.sync_all().map_err(failed())?;
        Ok(path)
    }

    fn load(&mut self, load: &Load, who: &[Vmm], machines: &mut [(Vmm, Result<Running>)]) -> Figure {
        let Load { direction, order, kib, depth } = load;
        let what = format!("disk: {order} {direction} of {kib} KiB, depth {depth}");
        let line = format!("block {direction} {order} {kib} {depth} {MILLISECONDS}");
        let per_second = |requests: f64, seconds: f64| match *kib {
            4 => requests / seconds,
            kib => requests * f64::from(kib) / 1024.0 / seconds,
        };
        let taken = self.by_turns(&what, who, |_, vmm| {
            let (requests, micros) = ask(machines, vmm, &line)?;
            Ok(per_second(requests, micros / 1e6))
        });
        let stop = format!(
            "{MILLISECONDS} ms in the guest with O_DIRECT, {depth} under way; raw file of {DISK_MIB} MiB in the host's page \
             cache, written back"
        );
        let id = format!("block-{order}-{direction}-{kib}k-{depth}");
        let title = format!("Disk: {order} {direction} of {kib} KiB, queue depth {depth}");
        let unit = if *kib == 4 { "requests/s" } else { "MiB/s" };
        Figure::new(&id, &title, unit, &stop)
            .more_is_better()
            .goal(Vmm::Cumulet.name(), Rule::AsGoodAsPeers)
            .of(&taken)
    }
}

/// Has a machine work, and gives what it did, and in how many microseconds.
pub(super) fn ask(machines: &mut [(Vmm, Result<Running>)], vmm: Vmm, line: &str) -> Result<(f64, f64)> {
    let machine = machines.iter_mut().find(|(it, _)| *it == vmm).map(|(_, machine)| machine);
    let machine = match machine {
        Some(Ok(machine)) => machine,
        Some(Err(error)) => return Err(BenchError::Machine(error.explain())),
        None => return Err(BenchError::Machine("it was not started".to_owned())),
    };
    let answer = machine.ask(line, LIMIT)?;
    let numbers =
        answer.split_once(' ').and_then(|(done, micros)| Some((done.parse().ok()?, micros.parse().ok()?)));
    numbers.ok_or_else(|| BenchError::Machine(format!("the guest can't {line}: {answer}")))
}
