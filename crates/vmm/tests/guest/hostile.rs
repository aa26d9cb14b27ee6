//! A guest that attacks its VMM: every register of PCI configuration space and of every device is written, and queues
//! get loops, addresses outside memory, huge lengths, are enabled twice and reset in mid-flight. The VMM goes on or ends
//! with a reason; its neighbour, and what else is on the host, notices nothing.

use crate::prober;
use crate::support::*;
use cumulet_vmm_protocol::{
    BootProtocol, Command, Disk, DiskFormat, ExitReason, Layer, MachineSpec, Reply, Source, Vsock,
};
use std::path::Path;
use std::time::Duration;

/// As much as a VMM may have to say about a guest that does nothing right.
const MAX_LOG: usize = 64 << 10;
/// How long a guest may be busy with an attack.
const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &[u8] = b"what the host has beside the disk";

fn spec_with_all(kernel: &str, folder: &Path) -> MachineSpec {
    let mut spec = spec(kernel);
    let disk = folder.join("disk");
    std::fs::write(&disk, vec![0; 4 << 20]).unwrap();
    std::fs::write(folder.join("beside"), SECRET).unwrap();
    spec.disks.push(Disk {
        id: "vol-0123456789abcdef0".into(),
        serial: "vol0123456789abcdef0".into(),
        read_only: false,
        layer: Layer { format: DiskFormat::Raw, source: Source::Path(disk.to_str().unwrap().into()) },
        backing: Vec::new(),
        limits: Default::default(),
        engine: None,
    });
    spec.balloon = true;
    spec.vsock = Some(Vsock { cid: 3, listener: None });
    spec
}

/// Lets a guest make its attacks, beside one that is at peace.
fn attacked(test: &str, attacks: &[&str]) {
    let Some(kernel) = kernel(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut neighbour = Vm::start(&spec(&kernel));
    let mut vm = Vm::start(&spec_with_all(&kernel, folder.path()));
    vm.ready();
    for attack in attacks {
        vm.type_in(attack);
        match vm.answer_or_end(PATIENCE) {
            // It may have cut itself off from its own console.
            None => {
                println!("{attack}: silence");
                break;
            }
            Some(Ok(answer)) => {
                println!("{attack}: {answer}");
                assert!(!answer.starts_with("ERR"), "{attack}: {answer}");
            }
            // It may be ended for what it does, with a reason that is the guest's and not a fault of the VMM's.
            Some(Err(reason)) => {
                println!("{attack}: {reason:?}");
                let by_guest = matches!(
                    reason,
                    ExitReason::GuestReset
                        | ExitReason::GuestPoweroff { .. }
                        | ExitReason::TripleFault { .. }
                        | ExitReason::GuestCrash { .. }
                );
                assert!(by_guest, "{attack}: {reason:?}\n{}", vm.stderr());
                break;
            }
        }
    }
    if vm.is_up() {
        assert!(matches!(vm.call(Command::Metrics), Reply::Metrics(_)));
        vm.call(Command::Kill);
        assert_eq!(vm.exit(), ExitReason::Killed);
    }
    let log = vm.stderr();
    assert!(log.len() < MAX_LOG && !log.contains("panicked") && !log.contains("refuses"), "{log}");
    assert_eq!(std::fs::read(folder.path().join("beside")).unwrap(), SECRET);
    assert_eq!(std::fs::metadata(folder.path().join("disk")).unwrap().len(), 4 << 20);
    neighbour.ready();
    assert_eq!(neighbour.ask("echo untouched"), "untouched");
}

#[test]
fn queues_that_keep_to_no_rule_harm_nobody() {
    attacked(
        "queues_that_keep_to_no_rule_harm_nobody",
        &["hostile-queues 1", "hostile-queues 2", "echo here"],
    );
}

#[test]
fn writes_to_every_register_harm_nobody() {
    attacked(
        "writes_to_every_register_harm_nobody",
        &["hostile-registers 3", "hostile-registers 4", "echo here"],
    );
}

#[test]
fn writes_to_all_of_configuration_space_harm_nobody() {
    let name = "writes_to_all_of_configuration_space_harm_nobody";
    attacked(name, &["hostile-configuration 5", "hostile-registers 6", "hostile-queues 7", "echo here"]);
}

#[test]
fn every_port_and_all_of_memory_space_can_be_written_to() {
    let Some(kernel) = kernel("every_port_and_all_of_memory_space_can_be_written_to") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut neighbour = Vm::start(&spec(&kernel));
    let image = folder.path().join("prober");
    std::fs::write(&image, prober::image()).unwrap();
    let mut spec = spec_with_all(image.to_str().unwrap(), folder.path());
    (spec.initrd, spec.boot) = (None, BootProtocol::Pvh);
    let mut vm = Vm::start(&spec);
    // It got to its end, and all that time the VMM answered.
    while vm.is_up() {
        std::thread::sleep(Duration::from_millis(100));
    }
    let reason = vm.exit();
    assert!(matches!(reason, ExitReason::GuestPoweroff { .. }), "{reason:?}\n{}", vm.stderr());
    let log = vm.stderr();
    assert!(log.len() < MAX_LOG && !log.contains("panicked") && !log.contains("refuses"), "{log}");
    assert_eq!(std::fs::read(folder.path().join("beside")).unwrap(), SECRET);
    assert_eq!(std::fs::metadata(folder.path().join("disk")).unwrap().len(), 4 << 20);
    neighbour.ready();
    assert_eq!(neighbour.ask("echo untouched"), "untouched");
}
