//! Saving a machine, and beginning others from what was saved.

use crate::support::*;
use cumulet_vmm_protocol::{Command, MachineSpec, Phase, Reply, Restore, Snapshot, SnapshotInfo, Source};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use tempfile::tempdir;

fn path(path: &Path) -> Source {
    Source::Path(path.to_string_lossy().into_owned())
}

/// Saves a paused machine to `state` and `memory` in `folder`.
fn save(vm: &mut Vm, folder: &Path) -> SnapshotInfo {
    let file = |name| OwnedFd::from(File::create_new(folder.join(name)).unwrap());
    let files = [file("state"), file("memory")];
    let command = Command::Snapshot(Snapshot { state: Source::Fd(0), memory: Source::Fd(1), pagemap: None });
    let (reply, _) = vm.client().call_with(command, &[files[0].as_fd(), files[1].as_fd()]).unwrap();
    let Reply::Snapshot(info) = reply else { panic!("{reply:?}") };
    info
}

/// The machine saved in `folder`.
fn restored(spec: &MachineSpec, folder: &Path) -> MachineSpec {
    let restore = Restore {
        state: path(&folder.join("state")),
        memory: path(&folder.join("memory")),
        prefetch: None,
        renamed: Default::default(),
        paused: false,
    };
    MachineSpec { kernel: None, initrd: None, restore: Some(restore), ..spec.clone() }
}

fn uptime(vm: &mut Vm) -> f64 {
    vm.ask("cat /proc/uptime").split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_saved_machine_goes_on_where_it_stood_and_so_does_its_source() {
    let Some(kernel) = kernel("a_saved_machine_goes_on_where_it_stood_and_so_does_its_source") else {
        return;
    };
    for vcpus in [1, 2] {
        let files = tempdir().unwrap();
        let mut spec = spec(&kernel);
        spec.vcpus = vcpus;
        let mut source = Vm::start(&spec);
        source.ready();
        assert_eq!(source.ask("echo before"), "before");
        let before = uptime(&mut source);
        source.call(Command::Pause);
        let info = save(&mut source, files.path());
        assert_eq!(info.memory_bytes, 128 << 20);
        assert!(info.written_bytes > 1 << 20 && info.written_bytes < 128 << 20, "{info:?}");
        source.call(Command::Resume);
        assert_eq!(source.ask("echo source"), "source");
        drop(source);
        let mut copy = Vm::start(&restored(&spec, files.path()));
        assert_eq!(copy.ask("echo copy"), "copy");
        let after = uptime(&mut copy);
        assert!(after >= before && after < before + 60.0, "{before} {after}");
        assert_eq!(copy.ask("cpus"), vcpus.to_string());
        assert!(copy.ask("spin 2").starts_with("spun"));
        assert_ne!(copy.client().status().unwrap().phase, Phase::Paused);
        copy.type_in("poweroff");
        copy.exit();
    }
}
