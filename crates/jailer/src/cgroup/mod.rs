//! Control groups: each machine has a group of its own, with a share of the processor by its vCPUs and limits on
//! processor time, memory and threads.
//!
//! Each controller is taken from where the host has it: the unified hierarchy (version 2) or one of version 1's. In
//! version 2 the machines' groups lie in `cumulet` at the top, because a group with processes of its own, as the
//! daemon's is, can have none beneath it that are limited; in version 1 they lie in `cumulet` in the daemon's own group.
//! A host that gives no control groups still runs machines; what it lacks is told, not hidden.

mod find;
mod limits;

use find::{Host, Version};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use limits::Limits;

/// The group in which the machines' are.
const PARENT: &str = "cumulet";

/// The controllers that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Controller {
    Cpu,
    Memory,
    Pids,
}

impl Controller {
    const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Pids];

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Pids => "pids",
        }
    }

    /// What goes unlimited without it.
    fn purpose(self) -> &'static str {
        match self {
            Self::Cpu => {
                "machines have no limit on processor time, and share it without regard to their vCPUs"
            }
            Self::Memory => "a VMM's own memory has no limit",
            Self::Pids => "threads are limited by user only",
        }
    }
}

/// A directory in which the machines' groups can be made, and the controllers that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    version: Version,
    dir: PathBuf,
    controllers: Vec<Controller>,
}

impl Place {
    fn set(&self, name: &str, file: &str, value: &str) -> Option<String> {
        let path = self.dir.join(name).join(file);
        let error = fs::write(&path, value).err()?;
        Some(format!("can't set {} to {value}: {error}", path.display()))
    }
}

/// The control groups that this host gives to machines.
#[derive(Debug, Clone, Default)]
pub struct Cgroups {
    places: Vec<Place>,
    lacks: Vec<String>,
}

/// What is told of a host without control groups for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Each controller with its version, such as `cpu (version 2)`.
    pub has: Vec<String>,
    /// A sentence for each controller that is not there.
    pub lacks: Vec<String>,
}

/// Looks at what there is and changes nothing.
pub fn survey() -> Survey {
    let host = Host::read();
    let (mut has, mut lacks) = (Vec::new(), Vec::new());
    for controller in Controller::ALL {
        match host.place_of(controller) {
            Some((version, _)) => has.push(format!("{} (version {})", controller.name(), version.number())),
            None => lacks.push(format!("no controller {}: {}", controller.name(), controller.purpose())),
        }
    }
    Survey { has, lacks }
}

impl Cgroups {
    /// None, and says nothing of it.
    pub fn none() -> Self {
        Self::default()
    }

    /// Finds the controllers and makes the group that the machines' groups will be in.
    pub fn prepare() -> Self {
        let host = Host::read();
        let mut found = Self::default();
        for controller in Controller::ALL {
            let Some((version, top)) = host.place_of(controller) else {
                found.lack(controller, "the host has none");
                continue;
            };
            let dir = top.join(PARENT);
            match make_parent(version, &top, &dir, controller) {
                Ok(()) => {
                    if controller == Controller::Cpu {
                        weigh_parent(version, &dir);
                    }
                    found.enter(version, dir, controller);
                }
                Err(error) => found.lack(controller, &format!("{}: {error}", dir.display())),
            }
        }
        found
    }

    fn enter(&mut self, version: Version, dir: PathBuf, controller: Controller) {
        match self.places.iter_mut().find(|place| place.dir == dir) {
            Some(place) => place.controllers.push(controller),
            None => self.places.push(Place { version, dir, controllers: vec![controller] }),
        }
    }

    fn lack(&mut self, controller: Controller, why: &str) {
        let (name, purpose) = (controller.name(), controller.purpose());
        self.lacks.push(format!("no control group for {name} ({why}): {purpose}"));
    }

    /// A sentence for each controller that machines have to do without.
    pub fn lacks(&self) -> &[String] {
        &self.lacks
    }

    /// Makes the groups of a machine with their limits. Gives their directories, which a process has to join, and a
    /// sentence for each limit that can't be had.
    pub fn make(&self, name: &str, limits: &Limits) -> (Vec<PathBuf>, Vec<String>) {
        let (mut dirs, mut lacks) = (Vec::new(), Vec::new());
        for place in &self.places {
            let dir = place.dir.join(name);
            if let Err(error) = make_dir(&dir) {
                lacks.push(format!("can't make the control group {}: {error}", dir.display()));
                continue;
            }
            for (file, value) in limits.files(place.version, &place.controllers) {
                if let Err(error) = fs::write(dir.join(file), &value) {
                    lacks.push(format!("can't set {file} of {} to {value}: {error}", dir.display()));
                }
            }
            dirs.push(dir);
        }
        (dirs, lacks)
    }

    /// Changes how much memory a machine's group may use: as much as one whose guest has `mib` MiB. Gives a sentence where
    /// that can't be had.
    pub fn set_memory(&self, name: &str, mib: u64) -> Option<String> {
        let place = self.place_of(Controller::Memory)?;
        place.set(name, limits::memory_file(place.version), &limits::memory_bytes(mib).to_string())
    }

    /// Changes how much processor time a machine's group may use: so many thousandths of a processor, or what one with so
    /// many vCPUs usually may. Gives a sentence where that can't be had.
    pub fn set_cpu(&self, name: &str, vcpus: u32, thousandths: Option<u32>) -> Option<String> {
        let place = self.place_of(Controller::Cpu)?;
        let (file, value) = limits::cpu_limit(place.version, vcpus, thousandths);
        place.set(name, file, &value)
    }

    fn place_of(&self, controller: Controller) -> Option<&Place> {
        self.places.iter().find(|place| place.controllers.contains(&controller))
    }

    /// The groups that a machine of this name has, if it has any.
    pub fn dirs(&self, name: &str) -> Vec<PathBuf> {
        self.places.iter().map(|place| place.dir.join(name)).collect()
    }
}

/// Removes groups whose processes are gone. One that is not there is a success.
pub fn remove(dirs: &[PathBuf]) -> io::Result<()> {
    let mut result = Ok(());
    for dir in dirs {
        // Never anything but a directory right in a group of ours, whatever a record says.
        let ours = dir.parent().and_then(Path::file_name).is_some_and(|parent| parent == PARENT);
        if !ours {
            result = Err(io::ErrorKind::InvalidInput.into());
            continue;
        }
        match fs::remove_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => result = Err(error),
            _ => {}
        }
    }
    result
}

/// Removes the group that the machines' groups were in, unless there is one in it.
pub fn leave() {
    let host = Host::read();
    for (_, top) in Controller::ALL.into_iter().filter_map(|controller| host.place_of(controller)) {
        // Another installation's machines are in it, or it is gone already.
        let _ = fs::remove_dir(top.join(PARENT));
    }
}

/// All machines together are one group beside the host's own groups (version 2: services, users) or processes (version
/// 1), where each counts as much as all of theirs would by default. They get more, for they are what the host is for;
/// the host still gets its part. What was set already, by hand or by another installation, stays.
fn weigh_parent(version: Version, dir: &Path) {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (file, usual, ours) = match version {
        Version::V1 => ("cpu.shares", "1024", (2048 * processors).min(262_144)),
        Version::V2 => ("cpu.weight", "100", 400),
    };
    let file = dir.join(file);
    if fs::read_to_string(&file).is_ok_and(|now| now.trim() == usual) {
        // Without it machines run, slower on a busy host.
        let _ = fs::write(file, ours.to_string());
    }
}

fn make_parent(version: Version, top: &Path, dir: &Path, controller: Controller) -> io::Result<()> {
    let enable = |dir: &Path| {
        let (file, name) = (dir.join("cgroup.subtree_control"), controller.name());
        let enabled = fs::read_to_string(&file)?;
        if enabled.split_whitespace().any(|it| it == name) {
            Ok(())
        } else {
            fs::write(file, format!("+{name}"))
        }
    };
    match version {
        Version::V1 => make_dir(dir),
        Version::V2 => {
            enable(top)?;
            make_dir(dir)?;
            enable(dir)
        }
    }
}

fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_made_limited_and_removed_where_the_host_gives_any() {
        let groups = Cgroups::prepare();
        let name = format!("test-{}", std::process::id());
        let limits = Limits { vcpus: 2, memory_mib: 64, threads: 130 };
        let (dirs, lacks) = groups.make(&name, &limits);
        assert_eq!(dirs, groups.dirs(&name)[..dirs.len()]);
        for dir in &dirs {
            assert!(dir.join("cgroup.procs").exists(), "{lacks:?}");
        }
        assert_eq!(
            groups.places.iter().map(|it| it.controllers.len()).sum::<usize>() + groups.lacks.len(),
            3
        );
        if let Some(place) = groups.places.iter().find(|it| it.controllers.contains(&Controller::Memory)) {
            assert_eq!(groups.set_memory(&name, 128), None);
            let file = place.dir.join(&name).join(limits::memory_file(place.version));
            assert_eq!(fs::read_to_string(file).unwrap().trim(), limits::memory_bytes(128).to_string());
        }
        remove(&dirs).unwrap();
        remove(&dirs).unwrap();
        assert!(dirs.iter().all(|dir| !dir.exists()));
    }

    #[test]
    fn a_record_that_names_other_directories_removes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other");
        fs::create_dir(&other).unwrap();
        remove(std::slice::from_ref(&other)).unwrap_err();
        assert!(other.exists());
    }
}
