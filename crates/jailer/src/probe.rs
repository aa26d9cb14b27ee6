//! What of a jail this host's kernel has. What is needed is tried by the jailer itself, which fails where it is not
//! there; this tells it beforehand, and what a jail goes without.

use crate::{cgroup, sys};
use std::path::Path;

/// One thing that a jail is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub name: &'static str,
    /// What was found, in words.
    pub what: String,
    /// How it stands.
    pub state: State,
}

/// How a thing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There.
    There,
    /// A jail goes without it and is weaker for it. How to mend it.
    Without(&'static str),
    /// No machine starts without it. How to mend it.
    Needed(&'static str),
}

/// Looks at this host; changes nothing.
pub fn probe() -> Vec<Finding> {
    vec![namespaces(), seccomp(), landlock(), cgroups()]
}

fn namespaces() -> Finding {
    let kinds = ["mnt", "pid", "ipc", "uts", "net"];
    let missing: Vec<_> =
        kinds.into_iter().filter(|kind| !Path::new("/proc/self/ns").join(kind).exists()).collect();
    let (what, state) = match missing.is_empty() {
        true => ("mount, process id, IPC, UTS and network".to_owned(), State::There),
        false => (
            format!("the kernel has no namespaces of these kinds: {}", missing.join(", ")),
            State::Needed("use a kernel with CONFIG_NAMESPACES and all of its kinds, and mount /proc"),
        ),
    };
    Finding { name: "namespaces", what, state }
}

fn seccomp() -> Finding {
    let actions = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    let (what, state) = match actions.split_whitespace().any(|action| action == "trap") {
        true => ("system calls can be filtered".to_owned(), State::There),
        false => (
            "the kernel does not filter system calls".to_owned(),
            State::Needed("use a kernel of 4.14 or later with CONFIG_SECCOMP_FILTER"),
        ),
    };
    Finding { name: "seccomp", what, state }
}

fn landlock() -> Finding {
    let (what, state) = match sys::landlock_abi() {
        Ok(version) => (format!("version {version}"), State::There),
        Err(_) => (
            "the kernel has none: a VMM is kept from files by its root and its user alone".to_owned(),
            State::Without(
                "use a kernel of 5.13 or later with CONFIG_SECURITY_LANDLOCK, and landlock in lsm=",
            ),
        ),
    };
    Finding { name: "landlock", what, state }
}

fn cgroups() -> Finding {
    let survey = cgroup::survey();
    let (what, state) = match survey.lacks.is_empty() {
        true => (survey.has.join(", "), State::There),
        false => (
            survey.lacks.join("; "),
            State::Without(
                "boot the host with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 at /sys/fs/cgroup",
            ),
        ),
    };
    Finding { name: "cgroups", what, state }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_runs_these_tests_in_a_sandbox_still_has_namespaces() {
        let findings = probe();
        assert_eq!(
            findings.iter().map(|it| it.name).collect::<Vec<_>>(),
            ["namespaces", "seccomp", "landlock", "cgroups"]
        );
        assert!(findings.iter().all(|it| !it.what.is_empty()));
    }
}
