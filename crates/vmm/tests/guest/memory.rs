//! Memory that comes and goes while the guest runs.

use crate::balloon::resident;
use crate::snapshot::{fork, fork_base, restored, save};
use crate::support::*;
use cumulet_vmm_protocol::metrics::MemoryMetrics;
use cumulet_vmm_protocol::{ClientError, Command, ExitReason, MachineSpec, MemoryTarget, RefusalCode, Reply};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// 256 MiB, up to 1280. The guest takes to new memory by itself, and uses it for what it can move away again.
fn growing(kernel: &str) -> MachineSpec {
    let spec = spec(kernel);
    let cmdline = format!("{} memhp_default_state=online_movable", spec.cmdline);
    MachineSpec { memory_mib: 256, memory_max_mib: Some(1280), cmdline, ..spec }
}

fn memory(vm: &mut Vm) -> MemoryMetrics {
    let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
    metrics.memory
}

fn set(vm: &mut Vm, mib: u64) {
    assert_eq!(vm.call(Command::Memory(MemoryTarget { mib })), Reply::Done);
}

fn await_memory(vm: &mut Vm, mib: u64) {
    let began = Instant::now();
    while memory(vm).actual_mib != mib {
        assert!(began.elapsed() < LIMIT, "{:?}", memory(vm));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// MiB that the guest counts.
fn total(vm: &mut Vm) -> u64 {
    vm.ask("memory").parse::<u64>().unwrap() >> 10
}

/// Blocks are plugged before the guest puts them to use, and the other way round.
fn await_total(vm: &mut Vm, right: impl Fn(u64) -> bool) {
    let began = Instant::now();
    while !right(total(vm)) {
        assert!(began.elapsed() < LIMIT, "{} MiB", total(vm));
    }
}

#[test]
fn a_guest_grows_and_shrinks_and_the_host_gets_its_memory_back() {
    let Some(kernel) = kernel("a_guest_grows_and_shrinks_and_the_host_gets_its_memory_back") else { return };
    let mut vm = Vm::start(&growing(&kernel));
    vm.ready();
    let (at_first, host_at_first) = (total(&mut vm), resident(&vm));
    assert_eq!(memory(&mut vm), MemoryMetrics { most_mib: 1280, target_mib: 256, actual_mib: 256 });
    set(&mut vm, 512);
    await_memory(&mut vm, 512);
    await_total(&mut vm, |now| now >= at_first + 240);
    assert!(vm.ask("touch 350").starts_with("touched 350"));
    assert!(resident(&vm) > host_at_first + 250, "{} MiB, {host_at_first} before", resident(&vm));
    set(&mut vm, 256);
    await_memory(&mut vm, 256);
    await_total(&mut vm, |now| now <= at_first + 8);
    assert!(resident(&vm) < 256 + 64, "{} MiB", resident(&vm));
    // And again, to all there is.
    set(&mut vm, 1280);
    await_memory(&mut vm, 1280);
    await_total(&mut vm, |now| now >= at_first + 1000);
    assert!(vm.ask("touch 500").starts_with("touched 500"));
}

#[test]
fn what_was_plugged_is_saved_and_goes_on_in_every_copy() {
    let Some(kernel) = kernel("what_was_plugged_is_saved_and_goes_on_in_every_copy") else { return };
    let spec = growing(&kernel);
    let mut vm = Vm::start(&spec);
    vm.ready();
    set(&mut vm, 512);
    await_memory(&mut vm, 512);
    await_total(&mut vm, |mib| mib > 400);
    vm.ask("hold 250");
    let held = vm.ask("held");
    let base = fork_base(&mut vm);
    let folder = tempdir().unwrap();
    vm.call(Command::Pause);
    save(&mut vm, folder.path());
    vm.call(Command::Resume);
    for mut copy in [fork(&spec, &base), Vm::start(&restored(&spec, folder.path()))] {
        assert_eq!(copy.ask("held"), held);
        assert_eq!(memory(&mut copy), MemoryMetrics { most_mib: 1280, target_mib: 512, actual_mib: 512 });
        copy.ask("release");
        set(&mut copy, 256);
        await_memory(&mut copy, 256);
        set(&mut copy, 384);
        await_memory(&mut copy, 384);
        await_total(&mut copy, |mib| mib > 300);
        assert!(copy.ask("touch 250").starts_with("touched 250"));
        // What was given back is not saved any more.
        set(&mut copy, 256);
        await_memory(&mut copy, 256);
        let again = tempdir().unwrap();
        copy.call(Command::Pause);
        let info = save(&mut copy, again.path());
        assert_eq!(info.memory_bytes, 1280 << 20);
        let disk = again.path().join("memory").metadata().unwrap().blocks() * 512;
        assert!(disk < 256 << 20, "{} MiB", disk >> 20);
        let mut last = Vm::start(&restored(&spec, again.path()));
        assert!(last.ask("touch 100").starts_with("touched 100"));
    }
    assert_eq!(vm.ask("held"), held);
}

#[test]
fn memory_that_can_not_be_is_refused() {
    let Some(kernel) = kernel("memory_that_can_not_be_is_refused") else { return };
    let mut vm = Vm::start(&growing(&kernel));
    for mib in [255, 257, 1282, u64::MAX] {
        match vm.client().call(Command::Memory(MemoryTarget { mib })) {
            Err(ClientError::Refused(refusal)) => assert_eq!(refusal.code, RefusalCode::BadRequest),
            other => panic!("{other:?}"),
        }
    }
    let mut fixed = Vm::start(&spec(&kernel));
    match fixed.client().call(Command::Memory(MemoryTarget { mib: 256 })) {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.code, RefusalCode::NotFound),
        other => panic!("{other:?}"),
    }
    let folder = tempdir().unwrap();
    vm.ready();
    vm.call(Command::Pause);
    save(&mut vm, folder.path());
    // As much in all, but in another place.
    let other = MachineSpec { memory_mib: 128, ..growing(&kernel) };
    match Vm::start(&restored(&other, folder.path())).exit() {
        ExitReason::StartFailed { message, .. } => assert!(message.contains("mem can't go on"), "{message}"),
        other => panic!("{other:?}"),
    }
}
