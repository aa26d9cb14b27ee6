//! A state of each version of the format that was ever released has to be restored by every later program. The files in
//! `tests/golden` are of machines with one device of each kind; `CUMULET_WRITE_GOLDEN` names a place to which one of
//! the current version is written.

use crate::net::with_tap;
use crate::support::*;
use cumulet_vmm::snapshot::format::{self, Kind};
use cumulet_vmm::snapshot::{MachineSave, binding};
use cumulet_vmm_protocol::{
    Command, Disk, DiskFormat, ExitReason, Layer, MachineSpec, NetInterface, Phase, Reply, Restore, Source,
    TapSource, Vsock,
};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use tempfile::tempdir;

fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/state-v{version}"))
}

/// The machine of the golden files: 2 vCPUs, 64 MiB, and one of each.
fn machine(kernel: &str, disk: &Path, tap: &OwnedFd) -> MachineSpec {
    File::create(disk).unwrap().set_len(1 << 20).unwrap();
    let layer = Layer { format: DiskFormat::Raw, source: Source::Path(disk.to_string_lossy().into_owned()) };
    MachineSpec {
        vcpus: 2,
        memory_mib: 64,
        disks: vec![Disk {
            id: "vol-1".into(),
            serial: "vol1".into(),
            read_only: false,
            limits: Default::default(),
            engine: None,
            layer,
            backing: Vec::new(),
        }],
        nets: vec![NetInterface {
            id: "eni-1".into(),
            mac: "02:00:00:00:00:05".into(),
            tap: TapSource::Fd(tap.as_raw_fd()),
            more_queues: Vec::new(),
            mtu: Some(1500),
            limits: Default::default(),
        }],
        vsock: Some(Vsock { cid: 3, listener: None }),
        generation_id: Some("00000000-0000-0000-0000-000000000001".into()),
        ..spec(kernel)
    }
}

#[test]
fn a_state_of_every_version_is_restored() {
    with_tap("a_state_of_every_version_is_restored", |kernel, tap| {
        let files = tempdir().unwrap();
        let spec = machine(&kernel, &files.path().join("disk"), &tap);
        if let Ok(place) = std::env::var("CUMULET_WRITE_GOLDEN") {
            write(&spec, &tap, Path::new(&place));
        }
        for version in 1..=format::VERSION {
            let saved: MachineSave =
                format::read(&File::open(golden(version)).unwrap(), Kind::State).expect("it can be read");
            // Memory that nobody has touched: the machine is whole, but must not run.
            let memory = files.path().join(format!("memory-v{version}"));
            let file = File::create_new(&memory).unwrap();
            file.set_len(saved.memory_bytes + binding::LENGTH).unwrap();
            binding::write(&file, saved.memory_bytes, &saved.id).unwrap();
            let path = |path: &Path| Source::Path(path.to_string_lossy().into_owned());
            let restore = Restore {
                state: path(&golden(version)),
                memory: path(&memory),
                prefetch: None,
                renamed: Default::default(),
                paused: true,
            };
            let spec = MachineSpec { kernel: None, initrd: None, restore: Some(restore), ..spec.clone() };
            let mut vm = Vm::start_with(&spec, &[&tap]);
            if !restored_paused(&mut vm) {
                skip(
                    "a_state_of_every_version_is_restored",
                    "this host's CPU is another than the golden file's",
                );
            }
        }
    });
}

/// True when it waits to be resumed; false when it was refused for the host's CPU alone.
fn restored_paused(vm: &mut Vm) -> bool {
    if vm.is_up() {
        assert_eq!(vm.client().status().unwrap().phase, Phase::Paused);
        return true;
    }
    match vm.exit() {
        ExitReason::StartFailed { message, .. } if message.contains("the CPU does not fit") => false,
        other => panic!("{other:?}"),
    }
}

fn write(spec: &MachineSpec, tap: &OwnedFd, place: &Path) {
    let mut vm = Vm::start_with(spec, &[tap]);
    vm.ready();
    vm.call(Command::Pause);
    let (reply, files) = vm.client().call_with(Command::ForkBase, &[]).unwrap();
    assert!(matches!(reply, Reply::Snapshot(_)));
    let state: MachineSave = format::read(&File::from(files[0].try_clone().unwrap()), Kind::State).unwrap();
    format::write(&File::create(place).unwrap(), Kind::State, &state).unwrap();
}
