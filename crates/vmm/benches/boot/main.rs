//! Time from the start of the VMM's process to the guest's init, the median of 20 boots, beside QEMU's microvm machine
//! with the same kernel and initial RAM disk, turn by turn in the same run.
//!
//! `CUMULET_TEST_KERNEL=vmlinux cargo bench -p cumulet-vmm --bench boot`; `BENCH_BOOTS` sets another count, `BENCH_CMDLINE`
//! another command line. The end of the time is a line on the serial console, seen on the process's standard output.

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Running, initrd, report};
use tempfile::TempDir;

const MARKER: &str = "GUEST-INIT";
const MEMORY_MIB: u32 = 128;

fn main() {
    let Ok(kernel) = std::env::var("CUMULET_TEST_KERNEL") else {
        return println!("SKIPPED boot benchmark: CUMULET_TEST_KERNEL does not name a kernel");
    };
    let boots = std::env::var("BENCH_BOOTS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let cmdline = std::env::var("BENCH_CMDLINE").unwrap_or_else(|_| {
        "console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check cryptomgr.notests 8250.nr_uarts=1".to_owned()
    });
    let dir = TempDir::new().expect("a folder for the run");
    let initrd = initrd(dir.path(), "boot/marker.rs");
    let with_qemu = Command::new("qemu-system-x86_64").arg("--version").output().is_ok();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..boots {
        ours.push(time(&mut cumulet(dir.path(), &kernel, &initrd, &cmdline)));
        if with_qemu {
            theirs.push(time(&mut qemu(&kernel, &initrd, &cmdline)));
        }
    }
    report("cumulet-vmm", ours);
    if with_qemu {
        report("QEMU microvm", theirs);
    } else {
        println!("QEMU microvm: qemu-system-x86_64 is not there");
    }
}

fn cumulet(dir: &Path, kernel: &str, initrd: &Path, cmdline: &str) -> Command {
    let spec = serde_json::json!({
        "version": 1, "instance_id": "i-bench", "launch_id": "bench", "vcpus": 1, "memory_mib": MEMORY_MIB,
        "kernel": {"path": kernel}, "initrd": {"path": initrd}, "cmdline": cmdline,
    });
    std::fs::write(dir.join("spec.json"), spec.to_string()).expect("the specification is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cumulet-vmm"));
    command.arg("--spec").arg(dir.join("spec.json")).arg("--run-dir").arg(dir).arg("--stdio");
    command
}

fn qemu(kernel: &str, initrd: &Path, cmdline: &str) -> Command {
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-M", "microvm,acpi=on,pcie=on,rtc=off,pit=off,pic=off", "-accel", "kvm"])
        // Its quickest firmware. ARCH_CAPABILITIES makes it stop on hosts whose KVM has the MSR but not all bits.
        .args([
            "-bios",
            "qboot.rom",
            "-cpu",
            "host,-arch-capabilities",
            "-smp",
            "1",
            "-m",
            &MEMORY_MIB.to_string(),
        ])
        .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"])
        .args(["-device", "virtio-rng-pci", "-kernel", kernel, "-append", cmdline, "-initrd"])
        .arg(initrd);
    command
}

/// Starts a machine, waits for the marker, and ends it.
fn time(command: &mut Command) -> Duration {
    let began = Instant::now();
    let mut running = Running::start(command, Stdio::null());
    running.wait_for(MARKER);
    let time = began.elapsed();
    running.end();
    time
}
