//! What a machine may use, and how that is written into the files of its groups.

use super::Controller;
use super::find::Version;

/// The period in which processor time is counted, in microseconds.
const PERIOD: u64 = 100_000;

/// Limits of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Its vCPUs. It has a share of the processor in proportion to them, and never more than one processor above them:
    /// that one is for the VMM's own work on disks and interfaces.
    pub vcpus: u32,
    /// The guest's memory in MiB. The VMM may use two and an eighth times more and 256 MiB: the
    /// copies that forks begin from, which the kernel counts as its own, its own memory, the host's tables for the
    /// guest's, and the cache of its disks, of which the host takes back what it needs.
    pub memory_mib: u64,
    /// Threads.
    pub threads: u64,
}

impl Limits {
    /// The most memory in bytes.
    pub fn memory_bytes(&self) -> u64 {
        memory_bytes(self.memory_mib)
    }

    /// Files with their values (the kernel's admin-guide, cgroup-v2.rst and cgroup-v1/).
    pub(super) fn files(&self, version: Version, controllers: &[Controller]) -> Vec<(&'static str, String)> {
        let quota = usual_quota(self.vcpus);
        let memory = self.memory_bytes();
        let mut files = Vec::new();
        for controller in controllers {
            match (version, controller) {
                (Version::V2, Controller::Cpu) => {
                    files.push(("cpu.weight", (u64::from(self.vcpus) * 100).clamp(1, 10_000).to_string()));
                    files.push(("cpu.max", format!("{quota} {PERIOD}")));
                }
                (Version::V1, Controller::Cpu) => {
                    files.push(("cpu.shares", (u64::from(self.vcpus) * 1024).clamp(2, 262_144).to_string()));
                    files.push(("cpu.cfs_period_us", PERIOD.to_string()));
                    files.push(("cpu.cfs_quota_us", quota.to_string()));
                }
                (_, Controller::Memory) => {
                    files.push((memory_file(version), memory.to_string()));
                    if version == Version::V2 {
                        files.push(("memory.oom.group", "1".to_owned()));
                    }
                }
                (_, Controller::Pids) => files.push(("pids.max", self.threads.to_string())),
            }
        }
        files
    }
}

/// The processor time of a period that a machine may use, in microseconds.
fn usual_quota(vcpus: u32) -> u64 {
    (u64::from(vcpus) + 1) * PERIOD
}

/// The file of the limit on processor time with its value: so many thousandths of a processor, or the usual.
pub(super) fn cpu_limit(version: Version, vcpus: u32, thousandths: Option<u32>) -> (&'static str, String) {
    // The kernel refuses less than a millisecond.
    let quota = thousandths.map_or(usual_quota(vcpus), |part| (u64::from(part) * PERIOD / 1000).max(1000));
    match version {
        Version::V1 => ("cpu.cfs_quota_us", quota.to_string()),
        Version::V2 => ("cpu.max", format!("{quota} {PERIOD}")),
    }
}

/// What a VMM may use whose guest has `mib` MiB.
pub(super) fn memory_bytes(mib: u64) -> u64 {
    let mib = mib.saturating_mul(3).saturating_add(mib / 8).saturating_add(256);
    mib.saturating_mul(1 << 20)
}

/// The file of that limit.
pub(super) fn memory_file(version: Version) -> &'static str {
    match version {
        Version::V1 => "memory.limit_in_bytes",
        Version::V2 => "memory.max",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_the_same_in_their_own_words() {
        let limits = Limits { vcpus: 2, memory_mib: 1024, threads: 130 };
        let v2 = limits.files(Version::V2, &Controller::ALL);
        let v1 = limits.files(Version::V1, &Controller::ALL);
        let value = |files: &[(&str, String)], name| files.iter().find(|it| it.0 == name).unwrap().1.clone();
        assert_eq!(value(&v2, "cpu.max"), "300000 100000");
        assert_eq!(value(&v1, "cpu.cfs_quota_us"), "300000");
        assert_eq!((value(&v2, "cpu.weight"), value(&v1, "cpu.shares")), ("200".into(), "2048".into()));
        assert_eq!(value(&v2, "memory.max"), value(&v1, "memory.limit_in_bytes"));
        assert_eq!(value(&v2, "memory.max"), ((3 * 1024 + 128 + 256_u64) << 20).to_string());
        assert_eq!(value(&v2, "pids.max"), "130");
        assert!(v2.iter().any(|it| it.0 == "memory.oom.group"));
        assert_eq!(cpu_limit(Version::V1, 2, Some(200)), ("cpu.cfs_quota_us", "20000".into()));
        assert_eq!(cpu_limit(Version::V2, 2, Some(5)), ("cpu.max", "1000 100000".into()));
        assert_eq!(cpu_limit(Version::V2, 2, None).1, value(&v2, "cpu.max"));
    }
}
