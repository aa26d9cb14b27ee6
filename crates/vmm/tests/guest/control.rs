//! The control socket: identity, status by generation, pause and resume, console, and peers that misbehave.

use crate::support::*;
use cumulet_vmm_protocol::{ClientError, Command, ConsoleRead, Identity, Phase, RefusalCode, Reply, rundir};
use std::fs::{File, read, read_to_string};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[test]
fn a_vmm_says_who_it_is_and_holds_its_lock() {
    let Some(kernel) = kernel("a_vmm_says_who_it_is_and_holds_its_lock") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let hello = vm.client().hello().unwrap();
    let written: Identity =
        serde_json::from_slice(&read(vm.dir.path().join(rundir::IDENTITY)).unwrap()).unwrap();
    assert_eq!(hello, written);
    assert_eq!(hello.pid, vm.pid());
    let stat = read_to_string(format!("/proc/{}/stat", vm.pid())).unwrap();
    let start: u64 = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
    assert_eq!(hello.pid_start_time, start);
    assert_eq!(hello.boot_id, read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim());
    let lock = File::open(vm.dir.path().join(rundir::LOCK)).unwrap();
    let operation = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    assert!(rustix::fs::flock(&lock, operation).is_err());
    vm.call(Command::Kill);
    vm.exit();
    assert!(rustix::fs::flock(&lock, operation).is_ok());
}

#[test]
fn a_supervisor_follows_changes_by_generation() {
    let Some(kernel) = kernel("a_supervisor_follows_changes_by_generation") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let mut client = vm.client();
    let known = client.status().unwrap();
    assert_eq!((known.phase, known.driver_seen), (Phase::Running, true));
    let mut watcher = vm.client();
    let waiting = std::thread::spawn(move || watcher.wait_status(known.generation).unwrap());
    let paused = client.call_status(Command::Pause).unwrap();
    let seen = waiting.join().unwrap();
    assert!(paused.phase == Phase::Paused && seen.generation > known.generation, "{seen:?}");
    assert_eq!(client.call_status(Command::Resume).unwrap().phase, Phase::Running);
}

#[test]
fn a_paused_machine_stands_still_and_goes_on() {
    let Some(kernel) = kernel("a_paused_machine_stands_still_and_goes_on") else { return };
    let mut spec = spec(&kernel);
    spec.vcpus = 2;
    let mut vm = Vm::start(&spec);
    vm.ready();
    let mut client = vm.client();
    for _ in 0..20 {
        assert_eq!(client.call_status(Command::Pause).unwrap().phase, Phase::Paused);
        assert_eq!(client.call_status(Command::Pause).unwrap().phase, Phase::Paused);
        vm.type_in("echo later");
        let exits = |reply| match reply {
            Reply::Metrics(metrics) => metrics.vcpus.iter().map(|vcpu| vcpu.exits).sum::<u64>(),
            other => panic!("{other:?}"),
        };
        let before = exits(client.call(Command::Metrics).unwrap());
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(exits(client.call(Command::Metrics).unwrap()), before);
        assert_eq!(client.call_status(Command::Resume).unwrap().phase, Phase::Running);
        assert_eq!(vm.expect("\nOK "), "later");
    }
    client.call(Command::Pause).unwrap();
    client.call(Command::Kill).unwrap();
    assert_eq!(vm.exit(), cumulet_vmm_protocol::ExitReason::Killed);
}

/// A vCPU that is between two stays in the guest when it is stopped, again and again.
#[test]
fn a_busy_machine_bears_any_number_of_pauses() {
    let Some(kernel) = kernel("a_busy_machine_bears_any_number_of_pauses") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let mut client = vm.client();
    vm.type_in("spam 32");
    for _ in 0..300 {
        client.call(Command::Pause).unwrap();
        client.call(Command::Resume).unwrap();
    }
    assert_eq!(vm.expect("\nOK "), "spammed 32");
}

#[test]
fn the_console_is_bounded_in_memory_and_on_disk() {
    let Some(kernel) = kernel("the_console_is_bounded_in_memory_and_on_disk") else { return };
    let mut spec = spec(&kernel);
    spec.console_log_bytes = 4096;
    let mut vm = Vm::start(&spec);
    vm.ready();
    assert_eq!(vm.ask("spam 16"), "spammed 16");
    let Reply::Console(chunk) =
        vm.call(Command::ConsoleRead(ConsoleRead { offset: Some(0), max: 65_536, wait: false }))
    else {
        panic!("not a console chunk")
    };
    assert!(chunk.offset > 0 && chunk.data.len() == 4096 && chunk.end == chunk.offset + 4096, "{chunk:?}");
    vm.call(Command::Kill);
    vm.exit();
    let size = |name| vm.dir.path().join(name).metadata().unwrap().len();
    assert!(size(rundir::CONSOLE_LOG) <= 4096);
    assert_eq!(size(rundir::CONSOLE_LOG_OLD), 4096);
}

#[test]
fn a_peer_that_talks_nonsense_is_told_so_and_dropped() {
    let Some(kernel) = kernel("a_peer_that_talks_nonsense_is_told_so_and_dropped") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let path = vm.dir.path().join(rundir::CONTROL_SOCKET);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"{\"id\":1,\"command\":\"dance\"}\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("bad-request") && answer.contains("dance"), "{answer}");
    let mut stream = UnixStream::connect(&path).unwrap();
    let flood = vec![b'x'; 1 << 20];
    let _ = stream.write_all(&flood);
    let _ = stream.read_to_string(&mut answer);
    assert_eq!(vm.ask("echo alive"), "alive");
}

#[test]
fn connections_are_bounded() {
    let Some(kernel) = kernel("connections_are_bounded") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let mut held: Vec<_> = (0..16).map(|_| vm.client()).collect();
    held.iter_mut().for_each(|client| drop(client.hello().unwrap()));
    match vm.client().hello() {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.code, RefusalCode::Busy),
        Err(ClientError::Io(_)) => {}
        other => panic!("{other:?}"),
    }
    drop(held);
    // The VMM learns of each hang-up by itself, a moment later.
    while vm.client().hello().is_err() {
        std::thread::yield_now();
    }
    assert_eq!(vm.ask("echo alive"), "alive");
}

/// As a supervisor starts it: the specification, the run directory, KVM, kernel and RAM disk are all descriptors.
#[test]
fn everything_can_be_an_inherited_descriptor() {
    let Some(kernel) = kernel("everything_can_be_an_inherited_descriptor") else { return };
    let mut spec = spec(&kernel);
    let kvm = OwnedFd::from(File::options().read(true).write(true).open("/dev/kvm").unwrap());
    let image = OwnedFd::from(File::open(&kernel).unwrap());
    let ramdisk = OwnedFd::from(File::open(initrd()).unwrap());
    (spec.kvm, spec.kernel, spec.initrd) =
        (Some(inherited(&kvm)), Some(inherited(&image)), Some(inherited(&ramdisk)));
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::write(dir.path().join("spec.json"), serde_json::to_vec(&spec).unwrap()).unwrap();
    let document = OwnedFd::from(File::open(dir.path().join("spec.json")).unwrap());
    let folder = OwnedFd::from(File::open(dir.path()).unwrap());
    let mut vm = Vm::start_by_descriptors(dir, &document, &folder, &[&kvm, &image, &ramdisk]);
    vm.ready();
    assert_eq!(vm.ask("echo hello"), "hello");
}
