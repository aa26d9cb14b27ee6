//! KVM, tun, memory.

use std::fs::OpenOptions;
use std::io::ErrorKind;

use cumulet_kvm_probe::KvmSupport;

use super::row::Row;

/// Whether guests run, and which.
pub fn kvm() -> Row {
    match cumulet_kvm_probe::probe() {
        KvmSupport::Stock => Row::ok("kvm", "/dev/kvm runs any kernel"),
        KvmSupport::Paravirtual => Row::warn(
            "kvm",
            "/dev/kvm is paravirtual: it runs only kernels made for it, no stock distribution's",
            "use a host with hardware virtualization, or try things out in the project's lab (scripts/lab)",
        ),
        KvmSupport::Missing(reason) => Row::fail("kvm", reason.clone(), kvm_mend(&reason)),
    }
}

fn kvm_mend(reason: &str) -> &'static str {
    if reason.contains("ermission") {
        return "run as root, or: sudo usermod -aG kvm $USER, then log in anew";
    }
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    if flags.split_whitespace().any(|flag| flag == "vmx") {
        "sudo modprobe kvm_intel"
    } else if flags.split_whitespace().any(|flag| flag == "svm") {
        "sudo modprobe kvm_amd"
    } else {
        "turn virtualization on in the firmware, or nested virtualization if this is a virtual machine"
    }
}

/// Whether taps can be made.
pub fn tun() -> Row {
    match OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => Row::ok("tun", "/dev/net/tun opens"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Row::warn("tun", "/dev/net/tun is not for this user", "run as root, as the daemon does")
        }
        Err(error) => Row::fail("tun", format!("/dev/net/tun: {error}"), "sudo modprobe tun"),
    }
}

/// Whether there is room for guests.
pub fn memory() -> Row {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let Some(available) = meminfo_mib(&meminfo, "MemAvailable") else {
        return Row::warn("memory", "/proc/meminfo does not tell", "nothing to mend");
    };
    let what = format!("{available} MiB available");
    let mend = "end other programs, or use a smaller instance type";
    match available {
        0..256 => Row::fail("memory", what, mend),
        256..1536 => Row::warn("memory", what, mend),
        _ => Row::ok("memory", what),
    }
}

fn meminfo_mib(meminfo: &str, field: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with(field))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_in_kib() {
        let text = "MemTotal:       2048000 kB\nMemAvailable:   1024000 kB\n";
        assert_eq!(meminfo_mib(text, "MemAvailable"), Some(1000));
        assert_eq!(meminfo_mib(text, "Nonsense"), None);
    }
}
