//! The ways a machine ends, each with its reason in `exit.json`.

use crate::support::*;
use cumulet_vmm_protocol::{Command, ExitReason, Reply, rundir};
use std::fs::write;
use tempfile::TempDir;

#[test]
fn a_guest_that_powers_off_is_seen_as_such() {
    let Some(kernel) = kernel("a_guest_that_powers_off_is_seen_as_such") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    vm.type_in("poweroff");
    let record = vm.record();
    assert_eq!(record.reason, ExitReason::GuestPoweroff { after_power_button: false });
    assert_eq!((record.instance_id.as_str(), record.launch_id.as_str()), ("i-0123456789abcdef0", "launch-1"));
    assert_eq!(record.pid, vm.pid());
    assert!(!vm.dir.path().join(rundir::CONTROL_SOCKET).exists());
}

#[test]
fn a_guest_that_resets_is_seen_as_such() {
    let Some(kernel) = kernel("a_guest_that_resets_is_seen_as_such") else { return };
    let mut with_acpi = spec(&kernel);
    with_acpi.cmdline = with_acpi.cmdline.replace("reboot=t", "reboot=a");
    let mut with_keyboard = spec(&kernel);
    with_keyboard.cmdline = with_keyboard.cmdline.replace("reboot=t", "reboot=k");
    for spec in [with_acpi, with_keyboard] {
        let mut vm = Vm::start(&spec);
        vm.ready();
        vm.type_in("reboot");
        assert_eq!(vm.exit(), ExitReason::GuestReset, "{}", spec.cmdline);
    }
}

#[test]
fn a_panicking_guest_resets_itself() {
    let Some(kernel) = kernel("a_panicking_guest_resets_itself") else { return };
    let mut spec = spec(&kernel);
    spec.cmdline = spec.cmdline.replace("reboot=t", "reboot=a");
    let mut vm = Vm::start(&spec);
    vm.ready();
    vm.type_in("crash");
    assert_eq!(vm.exit(), ExitReason::GuestReset);
}

#[test]
fn the_power_button_reaches_the_guest() {
    let Some(kernel) = kernel("the_power_button_reaches_the_guest") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    vm.type_in("await-button");
    vm.expect("WAITING");
    // The driver may open the device a moment later: a person would press again, too.
    loop {
        if vm.client().call(Command::PowerButton).is_err() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        if vm.dir.path().join(rundir::EXIT).exists() {
            break;
        }
    }
    assert_eq!(vm.exit(), ExitReason::GuestPoweroff { after_power_button: true });
}

#[test]
fn a_killed_machine_says_so() {
    let Some(kernel) = kernel("a_killed_machine_says_so") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    assert_eq!(vm.call(Command::Kill), Reply::Done);
    assert_eq!(vm.exit(), ExitReason::Killed);
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(vm.pid() as i32).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert_eq!(vm.exit(), ExitReason::Killed);
}

/// A kernel of one instruction, undefined, without an interrupt table: the fault of the fault's fault shuts it down.
#[test]
fn a_triple_fault_is_seen_as_such() {
    let Some(_) = kernel("a_triple_fault_is_seen_as_such") else { return };
    let dir = TempDir::new().unwrap();
    let image = dir.path().join("kernel");
    write(&image, elf(&[0x0f, 0x0b])).unwrap();
    let mut spec = spec(&image.to_string_lossy());
    spec.initrd = None;
    let reason = Vm::start(&spec).exit();
    assert!(
        matches!(reason, ExitReason::TripleFault { vcpu: 0 } | ExitReason::GuestCrash { .. }),
        "{reason:?}"
    );
}

/// An ELF image with `code` at 1 MiB.
fn elf(code: &[u8]) -> Vec<u8> {
    let mut image = vec![0u8; 120];
    image[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    image[16..24].copy_from_slice(&[2, 0, 0x3e, 0, 1, 0, 0, 0]);
    image[24..32].copy_from_slice(&0x10_0000u64.to_le_bytes());
    image[32..40].copy_from_slice(&64u64.to_le_bytes());
    image[52..64].copy_from_slice(&[64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    image[64..72].copy_from_slice(&[1, 0, 0, 0, 5, 0, 0, 0]);
    for (at, value) in
        [(72, 120), (80, 0x10_0000), (88, 0x10_0000), (96, code.len()), (104, code.len()), (112, 4096)]
    {
        image[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
    }
    image.extend(code);
    image
}

#[test]
fn a_bad_specification_is_recorded() {
    for (text, expected) in [
        ("not json", "expected"),
        (
            r#"{"version":1,"instance_id":"i-7","launch_id":"l","vcpus":0,"memory_mib":64,"kernel":{"fd":3}}"#,
            "vcpus",
        ),
        (r#"{"version":1,"instance_id":"i-7","surprise":1}"#, "surprise"),
    ] {
        let dir = TempDir::new().unwrap();
        write(dir.path().join("spec.json"), text).unwrap();
        let record = Vm::start_in(dir, &[]).record();
        assert!(text == "not json" || record.instance_id == "i-7", "{record:?}");
        match record.reason {
            ExitReason::BadSpec { message } => assert!(message.contains(expected), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_kernel_that_is_none_is_recorded() {
    let Some(_) = kernel("a_kernel_that_is_none_is_recorded") else { return };
    for (text, expected) in
        [(&b"#!/bin/sh\nexit 1\n"[..], "neither"), (b"\x7fELF but no more", "loaded"), (b"", "read")]
    {
        let dir = TempDir::new().unwrap();
        write(dir.path().join("kernel"), text.repeat(if text.is_empty() { 0 } else { 100 })).unwrap();
        match Vm::start(&spec(&dir.path().join("kernel").to_string_lossy())).exit() {
            ExitReason::StartFailed { what, message } => {
                assert_eq!(what, "kernel");
                assert!(message.contains(expected), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_second_vmm_leaves_a_held_run_directory_alone() {
    let Some(kernel) = kernel("a_second_vmm_leaves_a_held_run_directory_alone") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let second = std::process::Command::new(program())
        .arg("--spec")
        .arg(vm.dir.path().join("spec.json"))
        .arg("--run-dir")
        .arg(vm.dir.path())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(3));
    assert!(!vm.dir.path().join(rundir::EXIT).exists());
    assert_eq!(vm.ask("echo alive"), "alive");
}

/// As after a crash of the daemon that read it.
#[test]
fn a_record_is_left_also_when_nobody_reads_standard_error() {
    let dir = TempDir::new().unwrap();
    write(dir.path().join("spec.json"), "{}").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = std::process::Command::new(program())
        .arg("--spec")
        .arg(dir.path().join("spec.json"))
        .arg("--run-dir")
        .arg(dir.path())
        .stderr(writer)
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LIMIT {
            let _ = child.kill();
            panic!("the VMM hangs");
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    assert_eq!(status.code(), Some(1));
    let record = std::fs::read(dir.path().join(rundir::EXIT)).unwrap();
    let record: cumulet_vmm_protocol::ExitRecord = serde_json::from_slice(&record).unwrap();
    assert!(matches!(record.reason, ExitReason::BadSpec { .. }), "{record:?}");
}
