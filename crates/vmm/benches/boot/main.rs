//! Time from the start of the VMM's process to the guest's init, the median of 20 boots, beside QEMU's microvm machine
//! with the same kernel and initial RAM disk, turn by turn in the same run.
//!
//! `CUMULET_TEST_KERNEL=vmlinux cargo bench -p cumulet-vmm --bench boot`; `BENCH_BOOTS` sets another count, `BENCH_CMDLINE`
//! another command line. The end of the time is a line on the serial console, seen on the process's standard output.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
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
    let initrd = initrd(dir.path());
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
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the VMM starts");
    let mut output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let mut line = Vec::new();
    loop {
        line.clear();
        assert!(
            output.read_until(b'\n', &mut line).expect("its output can be read") > 0,
            "it ended without a guest"
        );
        if String::from_utf8_lossy(&line).contains(MARKER) {
            break;
        }
    }
    let time = began.elapsed();
    child.kill().expect("the VMM can be killed");
    child.wait().expect("the VMM ends");
    time
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!(
        "{name}: median {:.1} ms, least {:.1} ms, 90% below {:.1} ms ({} boots)",
        at(50),
        at(0),
        at(90),
        times.len()
    );
}

/// An archive whose only program writes the marker.
fn initrd(dir: &Path) -> PathBuf {
    let program = dir.join("init");
    let status = Command::new("rustc")
        .args([
            "--edition",
            "2024",
            "-O",
            "-C",
            "panic=abort",
            "-C",
            "link-arg=-nostdlib",
            "-C",
            "link-arg=-static",
        ])
        .args(["-C", "relocation-model=static", "-C", "strip=symbols", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/boot/marker.rs"))
        .status()
        .expect("rustc runs");
    assert!(status.success(), "the guest's program compiles");
    let data = std::fs::read(&program).expect("the program was compiled");
    let mut archive = Vec::new();
    let mut entry = |name: &str, mode: u32, device: (u32, u32), data: &[u8]| {
        let fields =
            [1, mode, 0, 0, 1, 0, data.len() as u32, 0, 0, device.0, device.1, name.len() as u32 + 1, 0];
        archive.extend(b"070701");
        fields.iter().for_each(|field| archive.extend(format!("{field:08x}").bytes()));
        archive.extend(name.bytes().chain([0]));
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    };
    entry("dev", 0o040_755, (0, 0), b"");
    entry("dev/console", 0o020_600, (5, 1), b"");
    entry("init", 0o100_755, (0, 0), &data);
    entry("TRAILER!!!", 0, (0, 0), b"");
    let path = dir.join("initrd.cpio");
    std::fs::write(&path, archive).expect("the archive is written");
    path
}
