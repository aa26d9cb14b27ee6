//! Where this host has its controllers, from `/proc/self/mountinfo` and `/proc/self/cgroup` (cgroups(7)).

use super::Controller;
use std::fs;
use std::path::{Path, PathBuf};

/// Version of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A hierarchy for each controller.
    V1,
    /// One for all.
    V2,
}

impl Version {
    pub fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// The host's hierarchies.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Where the unified hierarchy is mounted, and the controllers it has.
    v2: Option<(PathBuf, Vec<String>)>,
    /// Controllers of version 1 with the directory of this process's group.
    v1: Vec<(String, PathBuf)>,
}

impl Host {
    /// Reads them; without `/proc` there are none.
    pub fn read() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut host = Self::parse(&mounts, &own);
        if let Some((mount, controllers)) = &mut host.v2 {
            let text = fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default();
            *controllers = text.split_whitespace().map(str::to_owned).collect();
        }
        for (_, dir) in &mut host.v1 {
            // Inside a container the mount may show its own group as the top.
            if !dir.is_dir() {
                let top = dir.ancestors().find(|dir| dir.is_dir()).map(Path::to_owned);
                *dir = top.unwrap_or_default();
            }
        }
        host
    }

    fn parse(mounts: &str, own: &str) -> Self {
        let mut host = Self::default();
        for line in mounts.lines() {
            let Some((mount, kind)) = line.split_once(" - ") else { continue };
            let point = mount.split(' ').nth(4).unwrap_or_default();
            let mut kind = kind.split(' ');
            match kind.next() {
                Some("cgroup2") if host.v2.is_none() => host.v2 = Some((point.into(), Vec::new())),
                Some("cgroup") => {
                    let options = kind.nth(1).unwrap_or_default();
                    for name in options.split(',').filter(|name| own_group(own, name).is_some()) {
                        let group = own_group(own, name).unwrap_or_default().trim_start_matches('/');
                        host.v1.push((name.to_owned(), Path::new(point).join(group)));
                    }
                }
                _ => {}
            }
        }
        host
    }

    /// The group beneath which others can be made for a controller.
    pub fn place_of(&self, controller: Controller) -> Option<(Version, PathBuf)> {
        let name = controller.name();
        if let Some((mount, controllers)) = &self.v2
            && controllers.iter().any(|it| it == name)
        {
            return Some((Version::V2, mount.clone()));
        }
        let (_, dir) = self.v1.iter().find(|(it, _)| it == name)?;
        Some((Version::V1, dir.clone()))
    }
}

/// The group of this process in version 1's hierarchy of a controller.
fn own_group<'a>(own: &'a str, controller: &str) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|it| it == controller).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
    const OWN: &str = "4:memory:/system.slice/x\n2:cpu,cpuacct:/\n0::/";

    #[test]
    fn a_controller_of_version_1_is_found_at_the_own_group() {
        let host = Host::parse(HYBRID, OWN);
        assert_eq!(
            host.place_of(Controller::Memory),
            Some((Version::V1, "/sys/fs/cgroup/memory/system.slice/x".into()))
        );
        assert_eq!(host.place_of(Controller::Cpu), Some((Version::V1, "/sys/fs/cgroup/cpu,cpuacct/".into())));
        assert_eq!(host.place_of(Controller::Pids), None);
    }

    #[test]
    fn version_2_comes_first_for_what_it_has() {
        let mut host = Host::parse(HYBRID, OWN);
        host.v2.as_mut().unwrap().1 = vec!["memory".into(), "pids".into()];
        assert_eq!(host.place_of(Controller::Memory), Some((Version::V2, "/sys/fs/cgroup/unified".into())));
        assert_eq!(host.place_of(Controller::Cpu).unwrap().0, Version::V1);
    }
}
