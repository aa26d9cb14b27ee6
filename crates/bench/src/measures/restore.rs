//! Saving a machine, beginning from what was saved, forking.

use super::Bench;
use crate::error::{BenchError, Result};
use crate::guest::{MARKER, REPLY};
use crate::machine::{Guest, LIMIT, Running, Saved, Vmm, ms_since};
use crate::report::Figure;
use cumulet_vmm_protocol::{Command, Snapshot, Source, WorkingSet};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A machine that does not come back within this has not been restored.
const PATIENCE: Duration = Duration::from_secs(20);

/// What of a peer was saved.
#[derive(Default)]
struct PeerFiles {
    firecracker: Option<[PathBuf; 2]>,
    qemu: Option<PathBuf>,
}

impl Bench<'_> {
    pub(super) fn restores(&mut self) -> Result<Vec<Figure>> {
        let guest = Guest { monitor: true, ..self.answering()? };
        let mut files = PeerFiles::default();
        let save = self.saves(&guest, &mut files)?;
        let saved = self.saved_to_files(&guest)?;
        let restore = self.restore_figure(&guest, &saved, &files);
        let mut source = self.source(Vmm::Cumulet, &guest)?;
        let (base, stood) = self.fork_bases(&mut source)?;
        let fork = self.fork_figure(&guest, &base);
        Ok(vec![save, restore, stood, fork])
    }

    /// A machine whose guest waits for lines.
    pub(super) fn source(&mut self, vmm: Vmm, guest: &Guest) -> Result<Running> {
        let dir = self.new_dir()?;
        let mut machine = self.host.start(vmm, &dir, guest, "")?;
        machine.wait_for(MARKER, LIMIT)?;
        Ok(machine)
    }

    fn saves(&mut self, guest: &Guest, files: &mut PeerFiles) -> Result<Figure> {
        let who = self.with_peers(&[Vmm::Cumulet]);
        let mut sources: Vec<(Vmm, Result<Running>)> = Vec::new();
        for &vmm in &who {
            sources.push((vmm, self.source(vmm, guest)));
        }
        let taken = self.by_turns("save", &who, |bench, vmm| {
            let source = sources.iter_mut().find(|(it, _)| *it == vmm).map(|(_, source)| source);
            let source = match source {
                Some(Ok(source)) => source,
                Some(Err(error)) => return Err(BenchError::Machine(error.explain())),
                None => return Err(BenchError::Machine("it was not started".to_owned())),
            };
            let took = match vmm {
                Vmm::Firecracker => {
                    files.firecracker.iter().flatten().for_each(forget);
                    let (paths, took) = bench.host.firecracker_save(source, bench.dir.path())?;
                    files.firecracker = Some(paths);
                    took
                }
                Vmm::Qemu => {
                    let path = bench.dir.path().join("qemu-saved");
                    forget(&path);
                    let took = bench.host.qemu_save(source, &path)?;
                    files.qemu = Some(path);
                    took
                }
                _ => bench.save(source)?.1,
            };
            // It goes on unharmed.
            source.type_in("go on")?;
            source.wait_for(REPLY, LIMIT)?;
            Ok(took)
        });
        let stop = "128 MiB guest; from the pause until it goes on. Ours and Firecracker wait until the disk has it, QEMU does not";
        Ok(Figure::new("snapshot", "Save a machine to files", "ms", stop).of(&taken))
    }

    /// Saves a machine of ours into files of the run.
    fn save(&self, source: &Running) -> Result<([PathBuf; 2], f64)> {
        let paths = ["state", "memory"].map(|name| self.dir.path().join(name));
        paths.iter().for_each(forget);
        let mut control = source.control()?;
        let mut open = Vec::new();
        for path in &paths {
            open.push(OwnedFd::from(File::create(path).map_err(BenchError::io("make a file"))?));
        }
        let began = Instant::now();
        control.call(Command::Pause)?;
        let pages = File::open(format!("/proc/{}/pagemap", source.pid()))
            .map_err(BenchError::io("open a page map"))?;
        let what = Snapshot { state: Source::Fd(0), memory: Source::Fd(1), pagemap: Some(Source::Fd(2)) };
        control.call_with(Command::Snapshot(what), &[open[0].as_fd(), open[1].as_fd(), pages.as_fd()])?;
        control.call(Command::Resume)?;
        Ok((paths, ms_since(began)))
    }

    /// A machine of ours as files, with the pages that a restored one touches first.
    fn saved_to_files(&mut self, guest: &Guest) -> Result<Saved> {
        let source = self.source(Vmm::Cumulet, guest)?;
        let ([state, memory], _) = self.save(&source)?;
        let open = |path: &PathBuf| {
            File::open(path).map(OwnedFd::from).map_err(BenchError::io("open what was saved"))
        };
        let saved = Saved { state: open(&state)?, memory: open(&memory)?, prefetch: None };
        let list = self.working_set(guest, &saved)?;
        Ok(Saved { prefetch: Some(list), ..saved })
    }

    /// The pages that a restored machine touches until its first answer.
    fn working_set(&mut self, guest: &Guest, saved: &Saved) -> Result<OwnedFd> {
        let dir = self.new_dir()?;
        let mut machine = self.host.restore(false, &dir, guest, saved, "hello\n")?;
        machine.wait_for(REPLY, LIMIT)?;
        let path = self.dir.path().join("working-set");
        let file = File::create(&path).map_err(BenchError::io("make a file"))?;
        let command = Command::WorkingSet(WorkingSet { to: Source::Fd(0), pagemap: None });
        machine.control()?.call_with(command, &[file.as_fd()])?;
        File::open(&path).map(OwnedFd::from).map_err(BenchError::io("open a list of pages"))
    }

    fn restore_figure(&mut self, guest: &Guest, saved: &Saved, files: &PeerFiles) -> Figure {
        let who = self.with_peers(&[Vmm::Unjailed, Vmm::Cumulet]);
        let taken = self.by_turns("restore", &who, |bench, vmm| {
            let dir = bench.new_dir()?;
            let never = || BenchError::Machine("it could not be saved".to_owned());
            let mut machine = match vmm {
                Vmm::Firecracker => {
                    let files = files.firecracker.as_ref().ok_or_else(never)?;
                    bench.host.firecracker_restore(&dir, guest, files, "hello\n")?
                }
                Vmm::Qemu => {
                    let file = files.qemu.as_ref().ok_or_else(never)?;
                    bench.host.qemu_restore(&dir, guest, file, "hello\n")?
                }
                _ => bench.host.restore(vmm == Vmm::Cumulet, &dir, guest, saved, "hello\n")?,
            };
            machine.wait_for(REPLY, PATIENCE)
        });
        let stop = "from the start of the process until the restored guest has answered a line that was typed ahead; \
                    files in the page cache";
        Figure::new("restore", "Restore a machine from files", "ms", stop).of(&taken)
    }

    /// Forks a running machine again and again; gives the last base, and how long the machine stood.
    pub(super) fn fork_bases(&mut self, source: &mut Running) -> Result<(Saved, Figure)> {
        let mut control = source.control()?;
        let (mut last, mut values) = (None, Vec::new());
        for turn in 0..=self.runs {
            (self.tell)(&format!("fork base: {turn} of {}", self.runs));
            let began = Instant::now();
            control.call(Command::Pause)?;
            let (_, base) = control.call_with(Command::ForkBase, &[])?;
            control.call(Command::Resume)?;
            if turn > 0 {
                values.push(ms_since(began));
            }
            last = Some(base);
            source.type_in("go on")?;
            source.wait_for(REPLY, LIMIT)?;
        }
        let base: Option<[OwnedFd; 2]> = last.and_then(|base| base.try_into().ok());
        let [state, memory] = base.ok_or_else(|| BenchError::Machine("a fork has no base".to_owned()))?;
        let stop = "128 MiB guest, 24 MiB touched; from the pause until it goes on, with state and memory in memory; \
                    peers have no such thing";
        let mut figure = Figure::new("fork-base", "Make a base for forks", "ms", stop);
        figure.row(Vmm::Cumulet.name(), false, &values, None);
        Ok((Saved { state, memory, prefetch: None }, figure))
    }

    fn fork_figure(&mut self, guest: &Guest, base: &Saved) -> Figure {
        let taken = self.by_turns("fork", &[Vmm::Unjailed, Vmm::Cumulet], |bench, vmm| {
            let dir = bench.new_dir()?;
            let mut machine = bench.host.restore(vmm == Vmm::Cumulet, &dir, guest, base, "hello\n")?;
            machine.wait_for(REPLY, LIMIT)
        });
        let stop = "from the start of the process until a fork has answered a line that was typed ahead; the hypervisor's \
                    part alone, without network and identity; peers have no such thing";
        Figure::new("fork-vmm", "Start a fork", "ms", stop).of(&taken)
    }
}

/// Removes what an earlier turn saved: each writes new files, and what was there may still be mapped.
fn forget(path: &PathBuf) {
    // In the first turn there is none.
    let _ = std::fs::remove_file(path);
}
