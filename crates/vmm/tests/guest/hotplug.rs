//! Disks and interfaces that come and go while the guest runs: it is told, finds them, uses them, and lets go of them.

use crate::net::with_tap;
use crate::snapshot::{restored, save};
use crate::support::*;
use cumulet_vmm_protocol::{
    AttachDisk, AttachNet, ClientError, Command, Detach, Disk, DiskFormat, Layer, Limits, NetInterface,
    Operations, RefusalCode, Reply, ResizeDisk, SetLimits, Source, TapSource,
};
use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use tempfile::{NamedTempFile, TempDir};

fn file(mib: u64) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(mib << 20).unwrap();
    file
}

/// A disk whose file is descriptor 0 of its message.
fn disk(id: &str) -> Disk {
    Disk {
        id: id.into(),
        serial: id.replace('-', ""),
        read_only: false,
        layer: Layer { format: DiskFormat::Raw, source: Source::Fd(0) },
        backing: Vec::new(),
        limits: Default::default(),
        engine: None,
    }
}

fn attach(vm: &mut Vm, id: &str, file: &File) -> Result<Reply, ClientError> {
    let command = Command::AttachDisk(Box::new(AttachDisk { disk: disk(id) }));
    vm.client().call_with(command, &[file.as_fd()]).map(|(reply, _)| reply)
}

fn detach(vm: &mut Vm, id: &str, force: bool) -> Result<Reply, ClientError> {
    vm.client().call(Command::Detach(Detach { id: id.into(), force }))
}

fn code(result: Result<Reply, ClientError>) -> RefusalCode {
    match result {
        Err(ClientError::Refused(refusal)) => refusal.code,
        other => panic!("{other:?}"),
    }
}

/// Descriptors that the VMM has open on `file`.
fn opened(vm: &Vm, file: &NamedTempFile) -> usize {
    let folder = format!("/proc/{}/fd", vm.pid());
    let links = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter(|link| link == file.path()).count()
}

#[test]
fn a_disk_comes_is_used_and_goes() {
    let Some(kernel) = kernel("a_disk_comes_is_used_and_goes") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let file = file(16);
    for round in 0..3 {
        let id = format!("vol-{round}");
        assert_eq!(attach(&mut vm, &id, file.as_file()).unwrap(), Reply::Done);
        assert_eq!(code(attach(&mut vm, &id, file.as_file())), RefusalCode::AlreadyThere);
        assert_eq!(vm.ask("await vda"), (16 * 2048).to_string());
        assert_eq!(vm.ask("cat /sys/block/vda/serial"), format!("vol{round}"));
        assert_eq!(vm.ask(&format!("write vda {} round-{round}", round * 4096)), "written");
        assert!(opened(&vm, &file) > 0);
        assert_eq!(detach(&mut vm, &id, false).unwrap(), Reply::Done);
        assert_eq!(opened(&vm, &file), 0, "its files are closed");
        assert_eq!(vm.ask("await-gone vda"), "gone");
        assert_eq!(code(detach(&mut vm, &id, false)), RefusalCode::NotFound);
        let mut bytes = [0; 7];
        file.as_file().read_exact_at(&mut bytes, round * 4096).unwrap();
        assert_eq!(bytes, *format!("round-{round}").as_bytes());
    }
}

#[test]
fn a_disk_that_was_there_at_the_start_goes_too() {
    let Some(kernel) = kernel("a_disk_that_was_there_at_the_start_goes_too") else { return };
    let files = [file(8), file(16), file(24)].map(|file| file.into_parts().0);
    let descriptors = files.map(OwnedFd::from);
    let mut spec = spec(&kernel);
    spec.disks = ["vol-a", "vol-b", "vol-c"]
        .iter()
        .zip(&descriptors)
        .map(|(id, file)| {
            let layer = Layer { format: DiskFormat::Raw, source: inherited(file) };
            Disk { layer, ..disk(id) }
        })
        .collect();
    let mut vm = Vm::start_with(&spec, &[&descriptors[0], &descriptors[1], &descriptors[2]]);
    vm.ready();
    assert_eq!(detach(&mut vm, "vol-b", false).unwrap(), Reply::Done);
    assert_eq!(vm.ask("await-gone vdb"), "gone");
    assert_eq!((vm.ask("await vda"), vm.ask("await vdc")), ((8 * 2048).to_string(), (24 * 2048).to_string()));
    let another = file(32);
    attach(&mut vm, "vol-d", another.as_file()).unwrap();
    assert_eq!(vm.ask("await vdb"), (32 * 2048).to_string());
    assert_eq!(vm.ask("write vdc 0 still-here"), "written");
}

/// The guest's kernel stands still as far as ACPI is concerned when nothing runs in it.
#[test]
fn a_disk_goes_by_force_though_the_guest_does_not_answer() {
    let Some(kernel) = kernel("a_disk_goes_by_force_though_the_guest_does_not_answer") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let file = file(16);
    attach(&mut vm, "vol-1", file.as_file()).unwrap();
    vm.ask("await vda");
    vm.call(Command::Pause);
    let mut asking = vm.client();
    let polite = Command::Detach(Detach { id: "vol-1".into(), force: false });
    let asked = std::thread::spawn(move || asking.call(polite));
    let mut forcing = vm.client();
    let force = Command::Detach(Detach { id: "vol-1".into(), force: true });
    let forced = std::thread::spawn(move || forcing.call(force));
    // Its thread stands still with the machine; it closes the files as soon as it may.
    loop {
        let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
        if metrics.disks.is_empty() {
            break;
        }
        std::thread::yield_now();
    }
    vm.call(Command::Resume);
    assert_eq!(asked.join().unwrap().unwrap(), Reply::Done);
    assert_eq!(forced.join().unwrap().unwrap(), Reply::Done);
    assert_eq!(vm.ask("await-gone vda"), "gone");
    attach(&mut vm, "vol-1", file.as_file()).unwrap();
    assert_eq!(vm.ask("await vda"), (16 * 2048).to_string());
}

#[test]
fn a_disk_in_use_goes_by_force() {
    let Some(kernel) = kernel("a_disk_in_use_goes_by_force") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let file = file(64);
    attach(&mut vm, "vol-1", file.as_file()).unwrap();
    vm.ask("await vda");
    assert_eq!(vm.ask("write-forever vda"), "writing");
    assert_eq!(detach(&mut vm, "vol-1", true).unwrap(), Reply::Done);
    assert_eq!(opened(&vm, &file), 0);
    assert_eq!(vm.ask("await-gone vda"), "gone");
    assert_eq!(vm.ask("echo alive"), "alive");
}

#[test]
fn what_can_not_be_attached_is_refused_and_leaves_nothing_behind() {
    let Some(kernel) = kernel("what_can_not_be_attached_is_refused_and_leaves_nothing_behind") else {
        return;
    };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let file = file(1);
    let mut wrong = disk("vol-1");
    wrong.layer.format = DiskFormat::Qcow2;
    let command = Command::AttachDisk(Box::new(AttachDisk { disk: wrong.clone() }));
    let refused = vm.client().call_with(command, &[file.as_file().as_fd()]);
    assert_eq!(code(refused.map(|(reply, _)| reply)), RefusalCode::Failed);
    wrong.serial = "x".repeat(21);
    let command = Command::AttachDisk(Box::new(AttachDisk { disk: wrong }));
    assert_eq!(code(vm.client().call(command)), RefusalCode::BadRequest);
    let command = Command::AttachDisk(Box::new(AttachDisk { disk: disk("vol-1") }));
    assert_eq!(code(vm.client().call(command)), RefusalCode::Failed, "no descriptor came along");
    assert_eq!(opened(&vm, &file), 0);
    for number in 0..22 {
        attach(&mut vm, &format!("vol-{number}"), file.as_file()).unwrap();
    }
    assert_eq!(code(attach(&mut vm, "vol-23", file.as_file())), RefusalCode::Full);
    assert_eq!(vm.ask("await vdv"), "2048");
}

#[test]
fn an_interface_comes_is_used_and_goes() {
    with_tap("an_interface_comes_is_used_and_goes", |kernel, tap| {
        let server = UdpSocket::bind("10.9.0.1:7").unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            while let Ok((count, from)) = server.recv_from(&mut buffer) {
                let _ = server.send_to(&buffer[..count], from);
            }
        });
        let mut vm = Vm::start(&spec(&kernel));
        vm.ready();
        for force in [false, true] {
            let net = NetInterface {
                id: "eni-1".into(),
                mac: "02:00:00:00:00:05".into(),
                tap: TapSource::Fd(0),
                more_queues: Vec::new(),
                mtu: None,
                limits: Default::default(),
            };
            let command = Command::AttachNet(Box::new(AttachNet { net }));
            assert_eq!(vm.client().call_with(command, &[tap.as_fd()]).unwrap().0, Reply::Done);
            vm.ask("await-file /sys/class/net/eth0/address");
            assert_eq!(vm.ask("up 10.9.0.2"), "02:00:00:00:00:05");
            assert_eq!(vm.ask("udp 10.9.0.1:7 ping"), "ping from 10.9.0.1:7");
            assert_eq!(detach(&mut vm, "eni-1", force).unwrap(), Reply::Done);
            assert_eq!(vm.ask("await-no-file /sys/class/net/eth0"), "gone");
        }
    });
}

/// A saved machine has its devices in the slots in which they were.
#[test]
fn a_machine_whose_devices_changed_goes_on_from_a_snapshot() {
    let Some(kernel) = kernel("a_machine_whose_devices_changed_goes_on_from_a_snapshot") else { return };
    let (files, folder) = ([file(8), file(16)], TempDir::new().unwrap());
    let mut spec = spec(&kernel);
    let layer = |file: &NamedTempFile| Layer {
        format: DiskFormat::Raw,
        source: Source::Path(file.path().to_string_lossy().into_owned()),
    };
    spec.disks = vec![Disk { layer: layer(&files[0]), ..disk("vol-a") }];
    let mut vm = Vm::start(&spec);
    vm.ready();
    attach(&mut vm, "vol-b", files[1].as_file()).unwrap();
    vm.ask("await vdb");
    assert_eq!(detach(&mut vm, "vol-a", false).unwrap(), Reply::Done);
    vm.ask("write vdb 0 before");
    vm.call(Command::Pause);
    save(&mut vm, folder.path());
    drop(vm);
    spec.disks = vec![Disk { layer: layer(&files[1]), ..disk("vol-b") }];
    let mut vm = Vm::start(&restored(&spec, folder.path()));
    assert_eq!(vm.ask("read vdb 0 6"), "before");
    assert_eq!(vm.ask("write vdb 4096 after"), "written");
    attach(&mut vm, "vol-a", files[0].as_file()).unwrap();
    assert_eq!(vm.ask("await vda"), (8 * 2048).to_string());
    assert_eq!(detach(&mut vm, "vol-b", false).unwrap(), Reply::Done);
    assert_eq!(vm.ask("await-gone vdb"), "gone");
}

fn set_limits(vm: &mut Vm, id: &str, operations: Option<Operations>) {
    let limits = Limits { bandwidth: None, operations };
    assert_eq!(vm.call(Command::SetLimits(SetLimits { id: id.into(), limits })), Reply::Done);
}

/// Time itself proves nothing on a busy host, but that few requests went through in a known time does.
#[test]
fn a_limited_disk_does_what_its_limit_allows_and_no_more() {
    let Some(kernel) = kernel("a_limited_disk_does_what_its_limit_allows_and_no_more") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let file = file(16);
    attach(&mut vm, "vol-1", file.as_file()).unwrap();
    vm.ask("await vda");
    let writes = |vm: &mut Vm| {
        let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
        (metrics.uptime_us, metrics.disks[0].write_ops)
    };
    set_limits(&mut vm, "vol-1", Some(Operations { per_second: 50, burst: 1 }));
    assert_eq!(vm.ask("write-forever vda"), "writing");
    let (began, first) = writes(&mut vm);
    let (mut now, mut last) = (began, first);
    while now < began + 1_000_000 {
        (now, last) = writes(&mut vm);
    }
    let allowed = 50 * (now - began) / 1_000_000 + 3;
    assert!(last > first && last - first <= allowed, "{} writes, {allowed} allowed", last - first);
    set_limits(&mut vm, "vol-1", None);
    // Without the limit the same number goes through again, which with it would take long.
    while writes(&mut vm).1 < last + 200 {}
    assert_eq!(
        code(
            vm.client().call(Command::SetLimits(SetLimits { id: "vol-2".into(), limits: Limits::default() }))
        ),
        RefusalCode::NotFound
    );
}

#[test]
fn a_disk_grows_while_it_is_used() {
    let Some(kernel) = kernel("a_disk_grows_while_it_is_used") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let file = file(16);
    attach(&mut vm, "vol-1", file.as_file()).unwrap();
    assert_eq!(vm.ask("await vda"), (16 * 2048).to_string());
    let resize = |bytes: u64| Command::ResizeDisk(ResizeDisk { id: "vol-1".into(), bytes });
    for mib in [24, 64] {
        assert_eq!(vm.call(resize(mib << 20)), Reply::Done);
        assert_eq!(
            vm.ask(&format!("await-text /sys/block/vda/size {}", mib * 2048)),
            (mib * 2048).to_string()
        );
        let last = (mib << 20) - 512;
        assert_eq!(vm.ask(&format!("write vda {last} at-the-end")), "written");
        assert_eq!(vm.ask(&format!("read vda {last} 10")), "at-the-end");
    }
    assert_eq!(code(vm.client().call(resize(16 << 20))), RefusalCode::Failed);
    assert_eq!(file.as_file().metadata().unwrap().len(), 64 << 20);
}
