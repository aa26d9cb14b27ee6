//! Memory: what a VMM takes beyond its guest's, and what one more fork takes of the host.

use super::{Bench, MEMORY_MIB};
use crate::error::Result;
use crate::guest::REPLY;
use crate::host::memory::{Resident, available_kib};
use crate::machine::{LIMIT, Running, Saved, Vmm};
use crate::report::{Figure, Rule};

/// How many forks there are at a time.
const FORKS: usize = 50;

impl Bench<'_> {
    pub(super) fn memory(&mut self) -> Result<Vec<Figure>> {
        let mut figures = self.overhead()?;
        figures.push(self.idle_forks()?);
        Ok(figures)
    }

    fn overhead(&mut self) -> Result<Vec<Figure>> {
        let guest = self.answering()?;
        let who = self.with_peers(&[Vmm::Cumulet]);
        let mut all: Vec<(Vmm, Vec<Resident>)> = who.iter().map(|vmm| (*vmm, Vec::new())).collect();
        let taken = self.by_turns("memory of VMMs", &who, |bench, vmm| {
            let dir = bench.new_dir()?;
            let mut machine = bench.host.start(vmm, &dir, &guest, "hello\n")?;
            machine.wait_for(REPLY, LIMIT)?;
            let own = machine.memory(MEMORY_MIB)?.own;
            if let Some((_, values)) = all.iter_mut().find(|(it, _)| *it == vmm) {
                values.push(own);
            }
            Ok(mib(own.pss))
        });
        let own = Figure::new(
            "vmm-memory",
            "Memory of a VMM beyond its guest's",
            "MiB",
            "proportional share (PSS) of all mappings but guest memory, after the guest has answered a line; one VMM of its \
             kind runs, so its program and libraries count whole but for what others share",
        )
        .goal(Vmm::Cumulet.name(), Rule::Median(4.0))
        .of(&taken);
        let mut private = Figure::new(
            "vmm-memory-private",
            "Of that, memory that it shares with nobody",
            "MiB",
            "private pages of the same mappings at the same moment: what one more VMM of its kind takes",
        );
        for (vmm, values) in &all {
            let values: Vec<f64> = values.iter().skip(1).map(|own| mib(own.private)).collect();
            private.row(vmm.name(), vmm.is_peer(), &values, None);
        }
        Ok(vec![own, private])
    }

    fn idle_forks(&mut self) -> Result<Figure> {
        let guest = self.answering()?;
        let mut source = self.source(Vmm::Cumulet, &guest)?;
        let (base, _) = self.fork_bases(&mut source)?;
        let mut forks = Vec::new();
        // The first brings what all share.
        self.add_fork(&mut forks, &base)?;
        let available = available_kib()?;
        let mut before = total(&forks)?;
        let mut values = Vec::new();
        for count in 1..=FORKS {
            (self.tell)(&format!("memory of forks: {count} of {FORKS}"));
            self.add_fork(&mut forks, &base)?;
            let now = total(&forks)?;
            values.push(mib(now) - mib(before));
            before = now;
        }
        let gone = mib(available) - mib(available_kib()?);
        let mut figure = Figure::new(
            "fork-memory",
            "Host memory of one more idle fork",
            "MiB",
            "growth of the proportional shares (PSS) of all forks' processes, guest memory included, by one that has \
             answered a line and idles; below it the same by the host's MemAvailable, with tables and buffers of the \
             kernel",
        )
        .goal(Vmm::Cumulet.name(), Rule::Median(5.0));
        figure.row(Vmm::Cumulet.name(), false, &values, None);
        figure.row("by MemAvailable", false, &[gone / FORKS as f64], Some(format!("mean of {FORKS} forks")));
        Ok(figure)
    }

    fn add_fork(&mut self, forks: &mut Vec<Running>, base: &Saved) -> Result<()> {
        let guest = self.answering()?;
        let dir = self.new_dir()?;
        let mut fork = self.host.restore(true, &dir, &guest, base, "hello\n")?;
        fork.wait_for(REPLY, LIMIT)?;
        forks.push(fork);
        Ok(())
    }
}

/// Of all of them in KiB.
fn total(forks: &[Running]) -> Result<u64> {
    forks.iter().try_fold(0, |sum, fork| Ok(sum + fork.memory(MEMORY_MIB)?.pss()))
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
