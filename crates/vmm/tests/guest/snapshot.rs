//! Saving a machine, and beginning others from what was saved.

use crate::net::with_tap;
use crate::support::*;
use cumulet_vmm_protocol::{
    ClientError, Command, Disk, DiskFormat, ExitReason, Layer, MachineSpec, NetInterface, Phase, Reply,
    Restore, Snapshot, SnapshotInfo, Source, SwapDisk, TapSource, WorkingSet,
};
use std::fs::{File, read};
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use tempfile::tempdir;

fn path(path: &Path) -> Source {
    Source::Path(path.to_string_lossy().into_owned())
}

/// Saves a paused machine to `state` and `memory` in `folder`.
pub fn save(vm: &mut Vm, folder: &Path) -> SnapshotInfo {
    let file = |name| OwnedFd::from(File::create_new(folder.join(name)).unwrap());
    let files = [file("state"), file("memory")];
    let command = Command::Snapshot(Snapshot { state: Source::Fd(0), memory: Source::Fd(1), pagemap: None });
    let (reply, _) = vm.client().call_with(command, &[files[0].as_fd(), files[1].as_fd()]).unwrap();
    let Reply::Snapshot(info) = reply else { panic!("{reply:?}") };
    info
}

/// Pauses a machine, takes a base for forks, and lets it go on.
pub fn fork_base(vm: &mut Vm) -> Vec<OwnedFd> {
    vm.call(Command::Pause);
    let (reply, files) = vm.client().call_with(Command::ForkBase, &[]).unwrap();
    assert!(matches!(reply, Reply::Snapshot(_)), "{reply:?}");
    vm.call(Command::Resume);
    files
}

fn from(spec: &MachineSpec, state: Source, memory: Source) -> MachineSpec {
    let restore = Restore { state, memory, prefetch: None, renamed: Default::default(), paused: false };
    MachineSpec { kernel: None, initrd: None, restore: Some(restore), ..spec.clone() }
}

/// The machine saved in `folder`.
pub fn restored(spec: &MachineSpec, folder: &Path) -> MachineSpec {
    from(spec, path(&folder.join("state")), path(&folder.join("memory")))
}

/// A fork on `base`.
pub fn fork(spec: &MachineSpec, base: &[OwnedFd]) -> Vm {
    Vm::start_with(&from(spec, inherited(&base[0]), inherited(&base[1])), &[&base[0], &base[1]])
}

/// What the VMClock page in saved memory says: sequence, disruption marker, generation counter.
fn clock(folder: &Path) -> (u32, u64, u64) {
    let mut page = [0; 112];
    File::open(folder.join("memory")).unwrap().read_exact_at(&mut page, 0xd_e000).unwrap();
    assert_eq!(page[..4], *b"VCLK");
    let word = |at: usize| u64::from_le_bytes(page[at..at + 8].try_into().unwrap());
    (word(12) as u32, word(16), word(104))
}

#[test]
fn a_guest_learns_from_its_clock_page_that_time_broke_off() {
    let Some(kernel) = kernel("a_guest_learns_from_its_clock_page_that_time_broke_off") else { return };
    let events = |vm: &mut Vm| {
        let line = vm.ask("grep /proc/interrupts ACPI:Ged");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let spec = spec(&kernel);
    let mut vm = Vm::start(&spec);
    vm.ready();
    assert!(vm.ask("ls /sys/bus/acpi/devices").contains("AMZNC10C:00"));
    assert_eq!(vm.ask("grep /proc/iomem AMZNC10C"), "000de000-000defff : AMZNC10C:00");
    let before = events(&mut vm);
    for turn in 0..3u64 {
        let folder = tempdir().unwrap();
        vm.call(Command::Pause);
        save(&mut vm, folder.path());
        assert_eq!(clock(folder.path()), (2 * turn as u32, turn, turn));
        vm = Vm::start(&restored(&spec, folder.path()));
        vm.ask("echo here");
        assert_eq!(events(&mut vm), before + turn + 1);
    }
}

fn uptime(vm: &mut Vm) -> f64 {
    vm.ask("cat /proc/uptime").split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_saved_machine_goes_on_where_it_stood_and_so_does_its_source() {
    let Some(kernel) = kernel("a_saved_machine_goes_on_where_it_stood_and_so_does_its_source") else {
        return;
    };
    // The second has memory below and above the hole for devices.
    for (vcpus, mib) in [(1, 128), (2, 3200)] {
        let files = tempdir().unwrap();
        let mut spec = spec(&kernel);
        (spec.vcpus, spec.memory_mib) = (vcpus, mib);
        let mut source = Vm::start(&spec);
        source.ready();
        assert_eq!(source.ask("echo before"), "before");
        let before = uptime(&mut source);
        source.call(Command::Pause);
        let info = save(&mut source, files.path());
        assert_eq!(info.memory_bytes, mib << 20);
        assert!(info.written_bytes > 1 << 20 && info.written_bytes < mib << 20, "{info:?}");
        source.call(Command::Resume);
        assert_eq!(source.ask("echo source"), "source");
        drop(source);
        let mut copy = Vm::start(&restored(&spec, files.path()));
        assert_eq!(copy.ask("echo copy"), "copy");
        let after = uptime(&mut copy);
        assert!(after >= before && after < before + 60.0, "{before} {after}");
        assert_eq!(copy.ask("cpus"), vcpus.to_string());
        assert!(copy.ask("spin 2").starts_with("spun"));
        assert!(copy.ask("touch 64").starts_with("touched 64"));
        assert_ne!(copy.client().status().unwrap().phase, Phase::Paused);
        copy.type_in("poweroff");
        copy.exit();
    }
}

fn qcow2(folder: &Path, name: &str, on: &[(&str, &str)]) -> bool {
    let beneath = on.first().map(|(name, format)| (folder.join(name), *format));
    let mut command = std::process::Command::new("qemu-img");
    command.args(["create", "-q", "-f", "qcow2"]);
    match &beneath {
        Some((file, format)) => command.arg("-b").arg(file).args(["-F", format]).arg(folder.join(name)),
        None => command.arg(folder.join(name)).arg("32M"),
    };
    command.status().is_ok_and(|status| status.success())
}

fn layer(folder: &Path, name: &str, format: DiskFormat) -> Layer {
    Layer { format, source: path(&folder.join(name)) }
}

fn disk(folder: &Path, top: &str, beneath: &[(&str, DiskFormat)]) -> Disk {
    Disk {
        id: "vol-1".into(),
        serial: "vol1".into(),
        read_only: false,
        limits: Default::default(),
        engine: None,
        layer: layer(folder, top, DiskFormat::Qcow2),
        backing: beneath.iter().map(|(name, format)| layer(folder, name, *format)).collect(),
    }
}

/// The whole way of a fork: source and forks go on with layers of their own over what is written by nobody any more.
#[test]
fn forks_share_a_disk_and_leave_it_and_their_source_unchanged() {
    const NAME: &str = "forks_share_a_disk_and_leave_it_and_their_source_unchanged";
    let Some(kernel) = kernel(NAME) else { return };
    let files = tempdir().unwrap();
    let folder = files.path();
    if !qcow2(folder, "base", &[]) {
        return skip(NAME, "qemu-img is not there");
    }
    let base = [("base", DiskFormat::Qcow2)];
    for name in ["source", "fork1", "fork2"] {
        assert!(qcow2(folder, name, &[("base", "qcow2")]));
    }
    let mut spec = spec(&kernel);
    spec.disks = vec![disk(folder, "base", &[])];
    let mut source = Vm::start(&spec);
    source.ready();
    assert_eq!(source.ask("write vda 4096 of-the-source"), "written");
    source.call(Command::Pause);
    let (_, state) = source.client().call_with(Command::ForkBase, &[]).unwrap();
    let top = File::options().read(true).write(true).open(folder.join("source")).unwrap();
    let beneath = File::open(folder.join("base")).unwrap();
    let swap = SwapDisk {
        id: "vol-1".into(),
        layer: Layer { format: DiskFormat::Qcow2, source: Source::Fd(0) },
        backing: vec![Layer { format: DiskFormat::Qcow2, source: Source::Fd(1) }],
    };
    let wrong = SwapDisk { id: "vol-2".into(), ..swap.clone() };
    assert!(source.client().call_with(Command::SwapDisk(wrong), &[]).is_err());
    let (reply, _) =
        source.client().call_with(Command::SwapDisk(swap), &[top.as_fd(), beneath.as_fd()]).unwrap();
    assert_eq!(reply, Reply::Done);
    source.call(Command::Resume);
    let frozen = read(folder.join("base")).unwrap();
    let mut forks: Vec<Vm> = ["fork1", "fork2"]
        .iter()
        .map(|name| fork(&MachineSpec { disks: vec![disk(folder, name, &base)], ..spec.clone() }, &state))
        .collect();
    for (index, fork) in forks.iter_mut().enumerate() {
        assert_eq!(fork.ask("read vda 4096 13"), "of-the-source");
        assert_eq!(fork.ask(&format!("write vda 4096 of-fork-no-{index}")), "written");
        assert_eq!(fork.ask("fill vda 8"), "filled 8");
        assert_eq!(fork.ask(&format!("write vda 4096 of-fork-no-{index}")), "written");
    }
    assert_eq!(source.ask("read vda 4096 13"), "of-the-source");
    assert_eq!(source.ask("write vda 4096 of-the-source-again"), "written");
    for (index, fork) in forks.iter_mut().enumerate() {
        assert_eq!(fork.ask("read vda 4096 12"), format!("of-fork-no-{index}"));
        fork.type_in("poweroff");
        assert_eq!(fork.exit(), ExitReason::GuestPoweroff { after_power_button: false });
    }
    assert!(read(folder.join("base")).unwrap() == frozen, "the frozen layer is unchanged");
}

#[test]
fn twenty_forks_at_once_share_one_memory() {
    let Some(kernel) = kernel("twenty_forks_at_once_share_one_memory") else { return };
    let spec = spec(&kernel);
    let mut source = Vm::start(&spec);
    source.ready();
    assert!(source.ask("touch 16").starts_with("touched 16"));
    let base = fork_base(&mut source);
    // Nobody can change it.
    assert!(File::from(base[1].try_clone().unwrap()).write_all_at(b"x", 0).is_err());
    assert!(File::from(base[1].try_clone().unwrap()).set_len(0).is_err());
    let mut forks: Vec<Vm> = (0..20).map(|_| fork(&spec, &base)).collect();
    for (index, fork) in forks.iter_mut().enumerate() {
        assert_eq!(fork.ask(&format!("echo fork-{index}")), format!("fork-{index}"));
    }
    assert_eq!(source.ask("echo source"), "source");
    assert!(source.ask("touch 16").starts_with("touched 16"));
    // A fork can be forked in turn.
    let child = fork_base(&mut forks[3]);
    drop(base);
    drop(source);
    let mut grandchild = fork(&spec, &child);
    assert_eq!(grandchild.ask("echo grandchild"), "grandchild");
    assert_eq!(forks[3].ask("echo still-here"), "still-here");
}

#[test]
fn a_fork_has_another_generation_and_other_random_numbers() {
    let Some(kernel) = kernel("a_fork_has_another_generation_and_other_random_numbers") else { return };
    let mut spec = spec(&kernel);
    let id = |number: u32| Some(format!("00000000-0000-0000-0000-{number:012x}"));
    spec.generation_id = id(1);
    let mut source = Vm::start(&spec);
    source.ready();
    let base = fork_base(&mut source);
    let uuid = "cat /proc/sys/kernel/random/uuid";
    let mut seen = std::collections::HashSet::from([source.ask(uuid)]);
    for number in 2..5 {
        let mut fork = fork(&MachineSpec { generation_id: id(number), ..spec.clone() }, &base);
        // The guest's driver acts on its interrupt; what is asked later than that is another's.
        assert_eq!(fork.ask("echo awake"), "awake");
        seen.insert(fork.ask(uuid));
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    let without =
        from(&MachineSpec { generation_id: None, ..spec }, inherited(&base[0]), inherited(&base[1]));
    let reason = Vm::start_with(&without, &[&base[0], &base[1]]).exit();
    assert!(format!("{reason:?}").contains("generation ID"), "{reason:?}");
}

#[test]
fn a_restored_machine_can_wait_to_be_resumed_and_pages_can_be_fetched_ahead() {
    const NAME: &str = "a_restored_machine_can_wait_to_be_resumed_and_pages_can_be_fetched_ahead";
    let Some(kernel) = kernel(NAME) else { return };
    let files = tempdir().unwrap();
    let spec = spec(&kernel);
    let mut source = Vm::start(&spec);
    source.ready();
    source.call(Command::Pause);
    save(&mut source, files.path());
    drop(source);
    let mut waiting = restored(&spec, files.path());
    waiting.restore.as_mut().unwrap().paused = true;
    let mut vm = Vm::start(&waiting);
    let status = vm.client().status().unwrap();
    assert_eq!(status.phase, Phase::Paused);
    let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
    assert!(metrics.vcpus.iter().all(|vcpu| vcpu.exits == 0), "no vCPU has been in the guest");
    vm.type_in("echo later");
    vm.call(Command::Resume);
    assert_eq!(vm.expect("\nOK "), "later");
    let set = File::create_new(files.path().join("set")).unwrap();
    let command = Command::WorkingSet(WorkingSet { to: Source::Fd(0), pagemap: None });
    let (reply, _) = vm.client().call_with(command, &[set.as_fd()]).unwrap();
    assert!(matches!(reply, Reply::Pages(pages) if pages > 50), "{reply:?}");
    drop(vm);
    // One that can't be used is no reason not to go on.
    for prefetch in ["set", "memory"] {
        let mut ahead = restored(&spec, files.path());
        ahead.restore.as_mut().unwrap().prefetch = Some(path(&files.path().join(prefetch)));
        let mut vm = Vm::start(&ahead);
        assert_eq!(vm.ask("echo ahead"), "ahead");
        assert_eq!(vm.stderr().contains("not fetched ahead"), prefetch == "memory", "{}", vm.stderr());
    }
}

fn with_interface(spec: &MachineSpec, mac: &str, tap: &OwnedFd) -> MachineSpec {
    let net = NetInterface {
        id: "eni-1".into(),
        mac: mac.into(),
        tap: TapSource::Fd(tap.as_raw_fd()),
        more_queues: Vec::new(),
        mtu: None,
        limits: Default::default(),
    };
    MachineSpec { nets: vec![net], ..spec.clone() }
}

/// Sees reverse ARP in this thread's network namespace.
fn watch_announcements() -> UdpSocket {
    let protocol = i32::from(0x8035u16.to_be());
    // SAFETY: socket takes numbers; the descriptor it gives is the result's alone. Only calls are made on it that any
    // socket has.
    unsafe {
        let socket = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, protocol);
        assert!(socket >= 0, "{}", std::io::Error::last_os_error());
        UdpSocket::from_raw_fd(socket)
    }
}

#[test]
fn the_network_works_after_a_restore_and_learns_of_it() {
    with_tap("the_network_works_after_a_restore_and_learns_of_it", |kernel, tap| {
        let files = tempdir().unwrap();
        let server = UdpSocket::bind("10.9.0.1:7").unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            while let Ok((count, from)) = server.recv_from(&mut buffer) {
                let _ = server.send_to(&buffer[..count], from);
            }
        });
        let announcements = watch_announcements();
        let spec = with_interface(&spec(&kernel), "02:00:00:00:00:05", &tap);
        let mut vm = Vm::start_with(&spec, &[&tap]);
        vm.ready();
        vm.ask("up 10.9.0.2");
        assert_eq!(vm.ask("udp 10.9.0.1:7 before"), "before from 10.9.0.1:7");
        vm.call(Command::Pause);
        save(&mut vm, files.path());
        drop(vm);
        let mut frame = [0; 100];
        assert!(announcements.recv(&mut frame).is_err(), "a machine that was booted has nothing to announce");
        let mut vm = Vm::start_with(&restored(&spec, files.path()), &[&tap]);
        assert_eq!(vm.ask("udp 10.9.0.1:7 after"), "after from 10.9.0.1:7");
        assert_eq!(announcements.recv(&mut frame).unwrap(), 60);
        assert_eq!(frame[..12], [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 5]);
        assert_eq!(vm.ask("udp 10.9.0.1:7 again"), "again from 10.9.0.1:7");
        drop(vm);
        // A machine with another address goes on too. Its driver has to be told; until then there is nothing to announce.
        let other = with_interface(&spec, "02:00:00:00:00:06", &tap);
        let mut vm = Vm::start_with(&restored(&other, files.path()), &[&tap]);
        assert_eq!(vm.ask("udp 10.9.0.1:7 other"), "other from 10.9.0.1:7");
        assert!(announcements.recv(&mut frame).is_err());
    });
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let Some(kernel) = kernel("what_does_not_fit_is_refused_with_the_reason") else { return };
    let files = tempdir().unwrap();
    let folder = files.path();
    File::create_new(folder.join("disk")).unwrap().set_len(1 << 20).unwrap();
    File::create_new(folder.join("larger")).unwrap().set_len(2 << 20).unwrap();
    let raw = |name: &str| Disk { layer: layer(folder, name, DiskFormat::Raw), ..disk(folder, name, &[]) };
    let spec = MachineSpec { disks: vec![raw("disk")], ..spec(&kernel) };
    let mut source = Vm::start(&spec);
    source.ready();
    let command = Command::Snapshot(Snapshot { state: Source::Fd(0), memory: Source::Fd(1), pagemap: None });
    match source.client().call(command) {
        Err(ClientError::Refused(refusal)) => assert!(refusal.message.contains("paused"), "{refusal:?}"),
        other => panic!("{other:?}"),
    }
    source.call(Command::Pause);
    save(&mut source, folder);
    let right = restored(&spec, folder);
    let refused = |spec: &MachineSpec, part: &str| match Vm::start(spec).exit() {
        ExitReason::StartFailed { what, message } => {
            assert!(what == "restore" && message.contains(part), "{part}: {what}: {message}");
        }
        other => panic!("{part}: {other:?}"),
    };
    refused(&MachineSpec { vcpus: 2, ..right.clone() }, "1 vCPUs");
    refused(&MachineSpec { memory_mib: 64, ..right.clone() }, "bytes of memory");
    refused(&MachineSpec { disks: Vec::new(), ..right.clone() }, "disk vol-1");
    refused(&MachineSpec { disks: vec![raw("larger")], ..right.clone() }, "sectors");
    refused(&MachineSpec { entropy: false, ..right.clone() }, "entropy");
    let mut more = right.clone();
    more.disks.push(Disk { id: "vol-2".into(), ..raw("larger") });
    refused(&more, "without disk vol-2");
    let changed = |name: &str, change: &dyn Fn(&File)| {
        std::fs::copy(folder.join(name), folder.join("changed")).unwrap();
        change(&File::options().read(true).write(true).open(folder.join("changed")).unwrap());
        path(&folder.join("changed"))
    };
    let with_state = |state| from(&spec, state, path(&folder.join("memory")));
    let with_memory = |memory| from(&spec, path(&folder.join("state")), memory);
    let length = |file: &File| file.metadata().unwrap().len();
    refused(&with_state(changed("state", &|file| file.write_all_at(&[9], 16).unwrap())), "version 9");
    refused(&with_state(changed("state", &|file| file.write_all_at(b"x", 3000).unwrap())), "checksum");
    refused(&with_state(changed("state", &|file| file.set_len(length(file) - 1).unwrap())), "bytes instead");
    refused(&with_state(path(&folder.join("disk"))), "no file of a saved machine");
    refused(
        &with_memory(changed("memory", &|file| file.set_len(length(file) - 4096).unwrap())),
        "bytes instead",
    );
    refused(
        &with_memory(changed("memory", &|file| file.write_all_at(&[0; 100], length(file) - 4096).unwrap())),
        "not complete",
    );
    // The same machine, saved once more: its memory belongs to another state.
    let again = tempdir().unwrap();
    save(&mut source, again.path());
    refused(&with_memory(path(&again.path().join("memory"))), "another state");
    // What is there is not written over.
    let file = File::options().read(true).write(true).open(folder.join("state")).unwrap();
    let command = Command::Snapshot(Snapshot { state: Source::Fd(0), memory: Source::Fd(1), pagemap: None });
    assert!(source.client().call_with(command, &[file.as_fd(), file.as_fd()]).is_err());
    source.call(Command::Resume);
    assert_eq!(source.ask("echo unharmed"), "unharmed");
    let mut copy = Vm::start(&right);
    assert_eq!(copy.ask("echo right"), "right");
}
