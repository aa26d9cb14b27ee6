//! Memory that a guest gives up or does not use goes back to the host.

use crate::support::*;
use cumulet_vmm_protocol::metrics::BalloonMetrics;
use cumulet_vmm_protocol::{BalloonTarget, ClientError, Command, MachineSpec, RefusalCode, Reply};
use std::time::{Duration, Instant};

fn with_balloon(kernel: &str) -> Vm {
    Vm::start(&MachineSpec { balloon: true, memory_mib: 512, ..spec(kernel) })
}

fn balloon(vm: &mut Vm) -> BalloonMetrics {
    let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
    metrics.balloon
}

/// MiB of the VMM's process that are in the host's memory.
pub fn resident(vm: &Vm) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", vm.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() >> 10
}

#[test]
fn a_guest_gives_up_what_it_is_asked_for_and_gets_it_back() {
    let Some(kernel) = kernel("a_guest_gives_up_what_it_is_asked_for_and_gets_it_back") else { return };
    let mut vm = with_balloon(&kernel);
    vm.ready();
    assert_eq!(vm.call(Command::Balloon(BalloonTarget { mib: 200 })), Reply::Done);
    while balloon(&mut vm).actual_mib < 200 {
        std::thread::yield_now();
    }
    assert!(balloon(&mut vm).inflated_bytes >= 200 << 20);
    assert_eq!(vm.call(Command::Balloon(BalloonTarget { mib: 0 })), Reply::Done);
    while balloon(&mut vm).actual_mib > 0 {
        std::thread::yield_now();
    }
    assert!(vm.ask("touch 300").starts_with("touched 300"));
    match vm.client().call(Command::Balloon(BalloonTarget { mib: 480 })) {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.code, RefusalCode::BadRequest),
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_that_the_guest_frees_goes_back_by_itself() {
    let Some(kernel) = kernel("memory_that_the_guest_frees_goes_back_by_itself") else { return };
    let mut vm = with_balloon(&kernel);
    vm.ready();
    let before = resident(&vm);
    vm.ask("touch 300");
    // Freed when the command is done; the guest reports it some seconds later.
    let began = Instant::now();
    while resident(&vm) > before + 50 || balloon(&mut vm).reported_bytes < 250 << 20 {
        let (resident, reported) = (resident(&vm), balloon(&mut vm).reported_bytes >> 20);
        assert!(began.elapsed() < LIMIT, "{resident} MiB, {before} MiB before; {reported} MiB were reported");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(vm.ask("touch 300").starts_with("touched 300"));
}
