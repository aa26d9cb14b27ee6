//! Disks: raw, overlays, serial numbers, read-only, and a host disk that is full.

use crate::support::*;
use cumulet_vmm_protocol::{
    Command, Disk, DiskEngine, DiskFormat, ExitReason, Layer, Limits, MachineSpec, Reply, Source,
};
use std::fs::{File, read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tempfile::tempdir;

fn layer(format: DiskFormat, path: &Path) -> Layer {
    Layer { format, source: Source::Path(path.to_string_lossy().into_owned()) }
}

fn disk(layer: Layer) -> Disk {
    Disk {
        id: "vol-1".into(),
        serial: "vol0123456789abcdef0".into(),
        read_only: false,
        layer,
        backing: Vec::new(),
        limits: Limits::default(),
        engine: None,
    }
}

fn raw(path: &Path, mib: u64) -> File {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
    file.set_len(mib << 20).unwrap();
    file
}

fn qemu_img(arguments: &[&str]) -> bool {
    std::process::Command::new("qemu-img")
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What is served by which engine looks the same to the guest.
#[test]
fn what_the_guest_writes_and_flushes_is_in_the_file() {
    let Some(kernel) = kernel("what_the_guest_writes_and_flushes_is_in_the_file") else { return };
    for engine in [Some(DiskEngine::Synchronous), None] {
        let files = tempdir().unwrap();
        let file = raw(&files.path().join("a"), 32);
        file.write_all_at(b"from the host", 4096).unwrap();
        let descriptor = OwnedFd::from(file);
        let mut spec = spec(&kernel);
        let layer = Layer { format: DiskFormat::Raw, source: inherited(&descriptor) };
        spec.disks = vec![Disk { engine, ..disk(layer) }];
        let mut vm = Vm::start_with(&spec, &[&descriptor]);
        vm.ready();
        assert_eq!(vm.ask("cat /sys/block/vda/serial"), "vol0123456789abcdef0");
        assert_eq!(vm.ask("cat /sys/block/vda/size"), (32 * 2048).to_string());
        assert_eq!(vm.ask("read vda 4096 13"), "from the host");
        assert_eq!(vm.ask("write vda 8192 from-the-guest"), "written");
        assert_eq!(&read(files.path().join("a")).unwrap()[8192..8206], b"from-the-guest");
        assert_eq!(vm.ask("fill vda 16"), "filled 16");
        let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
        assert!(metrics.disks[0].flush_ops >= 2 && metrics.disks[0].write_bytes >= 16 << 20, "{metrics:?}");
        assert_eq!(metrics.disks[0].errors, 0);
        let best = if has_io_uring() { DiskEngine::IoUring } else { DiskEngine::Synchronous };
        assert_eq!(metrics.disks[0].engine, engine.unwrap_or(best));
    }
}

fn has_io_uring() -> bool {
    io_uring::IoUring::new(1).is_ok()
}

#[test]
fn each_vcpu_has_a_queue_of_its_own() {
    let Some(kernel) = kernel("each_vcpu_has_a_queue_of_its_own") else { return };
    let files = tempdir().unwrap();
    raw(&files.path().join("a"), 32);
    let mut spec = MachineSpec { vcpus: 2, ..spec(&kernel) };
    spec.disks = vec![disk(layer(DiskFormat::Raw, &files.path().join("a")))];
    let mut vm = Vm::start(&spec);
    vm.ready();
    for queue in ["0", "1"] {
        assert_eq!(vm.ask(&format!("cat /sys/block/vda/mq/{queue}/cpu_list")), queue);
    }
    assert_eq!(vm.ask("fill vda 16"), "filled 16");
    vm.call(Command::Pause);
    vm.call(Command::Resume);
    assert_eq!(vm.ask("write vda 8192 goes-on"), "written");
    assert_eq!(&read(files.path().join("a")).unwrap()[8192..8199], b"goes-on");
}

#[test]
fn an_overlay_keeps_its_base_unchanged() {
    let Some(kernel) = kernel("an_overlay_keeps_its_base_unchanged") else { return };
    let files = tempdir().unwrap();
    let (base, middle, top) =
        (files.path().join("base"), files.path().join("middle"), files.path().join("top"));
    raw(&base, 32).write_all_at(b"in the base", 4096).unwrap();
    let name = |path: &Path| path.to_string_lossy().into_owned();
    let overlay = |on: &Path, format: &str, path: &Path| {
        qemu_img(&["create", "-q", "-f", "qcow2", "-b", &name(on), "-F", format, &name(path)])
    };
    if !overlay(&base, "raw", &middle) || !overlay(&middle, "qcow2", &top) {
        return skip("an_overlay_keeps_its_base_unchanged", "qemu-img is not there");
    }
    let before = read(&base).unwrap();
    let mut spec = spec(&kernel);
    let mut overlaid = disk(layer(DiskFormat::Qcow2, &top));
    overlaid.backing = vec![layer(DiskFormat::Qcow2, &middle), layer(DiskFormat::Raw, &base)];
    spec.disks = vec![overlaid];
    for round in 0..2 {
        let mut vm = Vm::start(&spec);
        vm.ready();
        assert_eq!(vm.ask("read vda 4096 11"), "in the base");
        if round == 0 {
            assert_eq!(vm.ask("write vda 1048576 in-the-overlay"), "written");
        } else {
            assert_eq!(vm.ask("read vda 1048576 14"), "in-the-overlay");
            assert_eq!(vm.ask("fill vda 24"), "filled 24");
        }
        vm.type_in("poweroff");
        assert_eq!(vm.exit(), ExitReason::GuestPoweroff { after_power_button: false });
    }
    assert_eq!(read(&base).unwrap(), before);
    assert!(qemu_img(&["check", "-q", "-f", "qcow2", &name(&top)]), "the overlay is sound");
}

#[test]
fn a_name_inside_an_image_is_never_opened() {
    let Some(kernel) = kernel("a_name_inside_an_image_is_never_opened") else { return };
    let files = tempdir().unwrap();
    let (base, top) = (files.path().join("base"), files.path().join("top"));
    raw(&base, 8);
    let name = |path: &Path| path.to_string_lossy().into_owned();
    if !qemu_img(&["create", "-q", "-f", "qcow2", "-b", &name(&base), "-F", "raw", &name(&top)]) {
        return skip("a_name_inside_an_image_is_never_opened", "qemu-img is not there");
    }
    let mut spec = spec(&kernel);
    spec.disks = vec![disk(layer(DiskFormat::Qcow2, &top))];
    match Vm::start(&spec).exit() {
        ExitReason::StartFailed { what, message } => {
            assert_eq!(what, "disk");
            assert!(message.contains("vol-1") && message.contains("backing"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bad_disk_ends_the_machine_before_it_runs() {
    let Some(kernel) = kernel("a_bad_disk_ends_the_machine_before_it_runs") else { return };
    let files = tempdir().unwrap();
    raw(&files.path().join("zeroes"), 1);
    for (format, name) in [(DiskFormat::Qcow2, "zeroes"), (DiskFormat::Raw, "nothing")] {
        let mut spec = spec(&kernel);
        spec.disks = vec![disk(layer(format, &files.path().join(name)))];
        let reason = Vm::start(&spec).exit();
        assert!(matches!(&reason, ExitReason::StartFailed { what, .. } if what == "disk"), "{reason:?}");
    }
}

#[test]
fn a_read_only_disk_can_not_be_written() {
    let Some(kernel) = kernel("a_read_only_disk_can_not_be_written") else { return };
    let files = tempdir().unwrap();
    raw(&files.path().join("a"), 8).write_all_at(b"fixed", 0).unwrap();
    let mut spec = spec(&kernel);
    spec.disks = vec![Disk { read_only: true, ..disk(layer(DiskFormat::Raw, &files.path().join("a"))) }];
    let mut vm = Vm::start(&spec);
    vm.ready();
    assert_eq!(vm.ask("cat /sys/block/vda/ro"), "1");
    assert_eq!(vm.ask("read vda 0 5"), "fixed");
    vm.type_in("write vda 0 other");
    vm.expect("\nERR ");
    assert_eq!(vm.ask("read vda 0 5"), "fixed");
}

/// The host's disk is full: the request fails in the guest, and the machine goes on.
#[test]
fn a_full_host_disk_is_an_error_of_the_request_alone() {
    let Some(kernel) = kernel("a_full_host_disk_is_an_error_of_the_request_alone") else { return };
    let mut spec = spec(&kernel);
    let Some((directory, _guard)) = small_tmpfs(2) else {
        return skip("a_full_host_disk_is_an_error_of_the_request_alone", "a tmpfs can't be mounted");
    };
    raw(&directory.join("a"), 32);
    spec.disks = vec![disk(layer(DiskFormat::Raw, &directory.join("a")))];
    let mut vm = Vm::start(&spec);
    vm.ready();
    vm.type_in("fill vda 16");
    vm.expect("\nERR ");
    assert_eq!(vm.ask("echo alive"), "alive");
    let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
    assert!(metrics.disks[0].errors > 0, "{metrics:?}");
}

#[test]
fn nothing_is_lost_when_a_machine_is_paused_while_it_writes() {
    let Some(kernel) = kernel("nothing_is_lost_when_a_machine_is_paused_while_it_writes") else { return };
    let files = tempdir().unwrap();
    raw(&files.path().join("a"), 32);
    let mut spec = spec(&kernel);
    spec.disks = vec![disk(layer(DiskFormat::Raw, &files.path().join("a")))];
    let mut vm = Vm::start(&spec);
    vm.ready();
    let mut client = vm.client();
    let written = |client: &mut cumulet_vmm_protocol::Client| match client.call(Command::Metrics).unwrap() {
        Reply::Metrics(metrics) => metrics.disks[0].write_bytes + metrics.disks[0].read_bytes,
        other => panic!("{other:?}"),
    };
    vm.type_in("fill vda 24");
    for _ in 0..30 {
        client.call(Command::Pause).unwrap();
        let before = written(&mut client);
        std::thread::yield_now();
        assert_eq!(written(&mut client), before);
        client.call(Command::Resume).unwrap();
    }
    assert_eq!(vm.expect("\nOK "), "filled 24");
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A tmpfs that holds `mib` MiB.
fn small_tmpfs(mib: u32) -> Option<(std::path::PathBuf, Unmount)> {
    let directory = tempdir().unwrap().keep();
    let options = std::ffi::CString::new(format!("size={mib}m")).unwrap();
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("small", &directory, "tmpfs", flags, options.as_c_str()).ok()?;
    Some((directory.clone(), Unmount(directory)))
}
