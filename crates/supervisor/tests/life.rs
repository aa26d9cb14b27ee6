//! The life of a machine that behaves, through the deaths of its daemon.

mod common;

use common::*;
use cumulet_ports::VmHost;
use cumulet_ports::vm_host::{FoundState, VmEnd, VmEvent};
use cumulet_vmm_protocol::ExitReason;

#[tokio::test]
async fn a_machine_starts_answers_and_powers_off() {
    let bench = Bench::new();
    let (supervisor, mut events, found) = bench.daemon().await;
    assert_eq!(found, []);
    let spec = bench.spec("Good");
    let (id, launch_id, volume_id) =
        (spec.instance_id.clone(), spec.launch_id.clone(), spec.disks[0].volume_id.clone());
    supervisor.start(spec).await.unwrap();
    assert!(supervisor.is_running(&id).await);
    let top = std::fs::read(bench.dir.path().join("top")).unwrap();
    assert!(top.starts_with(volume_id.as_str().as_bytes()), "the VMM writes to the first layer");

    assert_eq!(supervisor.metrics(&id).await.unwrap().uptime_us, 42);
    assert_eq!(supervisor.console_write(&id, b"ls\n").await.unwrap(), 3);
    let chunk = supervisor.console(&id, Some(2), 4, false).await.unwrap();
    assert_eq!((chunk.offset, chunk.end, chunk.data.as_slice()), (2, 25, &b"fake"[..]));

    let pid = bench.pid(&id);
    supervisor.power_button(&id).await.unwrap();
    let end = VmEnd::Recorded(ExitReason::GuestPoweroff { after_power_button: true });
    assert_eq!(next(&mut events).await, VmEvent { instance_id: id.clone(), launch_id, end });
    assert!(is_reaped(pid));
    assert!(!supervisor.is_running(&id).await);
    assert!(supervisor.power_button(&id).await.is_err());

    let after = supervisor.console(&id, None, 8, false).await.unwrap();
    assert_eq!(after.data, b"console\n", "the console is there after the end");
    supervisor.forget(&id).await.unwrap();
    supervisor.forget(&id).await.unwrap();
    assert!(!bench.run_dir(&id).exists());
    assert!(supervisor.console(&id, None, 8, false).await.is_err());
}

#[tokio::test]
async fn a_machine_runs_without_a_jail_where_that_is_asked_for() {
    let bench = Bench::without_jail();
    let (supervisor, mut events, _) = bench.daemon().await;
    let spec = bench.spec("Good");
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    let pid = bench.pid(&id);
    drop(supervisor);
    let (supervisor, mut later, found) = bench.daemon().await;
    assert_eq!(found[0].state, FoundState::Running);
    assert!(lives(pid) && !bench.run_dir(&id).join("process.json").exists());
    supervisor.kill(&id).await.unwrap();
    assert_eq!(next(&mut later).await.end, VmEnd::Recorded(ExitReason::Killed));
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn a_new_daemon_takes_up_what_the_old_one_started() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("Good");
    let (id, launch_id) = (spec.instance_id.clone(), spec.launch_id.clone());
    supervisor.start(spec).await.unwrap();
    let pid = bench.pid(&id);
    drop(supervisor);

    let (supervisor, mut events, found) = bench.daemon().await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].instance_id, &found[0].launch_id), (&id, &launch_id));
    assert_eq!(found[0].state, FoundState::Running);
    assert!(lives(pid));
    assert_eq!(supervisor.metrics(&id).await.unwrap().uptime_us, 42);

    kill_9(pid);
    let event = next(&mut events).await;
    assert_eq!((event.instance_id, event.end), (id.clone(), VmEnd::Silent));
    assert!(!supervisor.is_running(&id).await);
}

#[tokio::test]
async fn what_ended_while_the_daemon_was_away_is_told() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let (killed, off) = (bench.spec("Good"), bench.spec("Good"));
    let (killed_id, off_id) = (killed.instance_id.clone(), off.instance_id.clone());
    supervisor.start(killed).await.unwrap();
    supervisor.start(off).await.unwrap();
    let socket = bench.run_dir(&off_id).join("control.sock");
    let pids = [bench.pid(&killed_id), bench.pid(&off_id)];
    drop(supervisor);

    kill_9(pids[0]);
    let mut client = cumulet_vmm_protocol::Client::connect(&socket).unwrap();
    client.call(cumulet_vmm_protocol::Command::PowerButton).unwrap();
    until("both are gone", || !pids.into_iter().any(lives)).await;

    let (supervisor, _events, found) = bench.daemon().await;
    let state_of = |id| found.iter().find(|vm| vm.instance_id == id).unwrap().state.clone();
    assert_eq!(state_of(killed_id.clone()), FoundState::Ended(VmEnd::Silent));
    let off_reason = ExitReason::GuestPoweroff { after_power_button: true };
    assert_eq!(state_of(off_id), FoundState::Ended(VmEnd::Recorded(off_reason)));

    let mut again = bench.spec("Good");
    again.instance_id = killed_id.clone();
    supervisor.start(again).await.unwrap();
    assert!(supervisor.is_running(&killed_id).await);
    supervisor.kill(&killed_id).await.unwrap();
}

#[tokio::test]
async fn a_vmm_stands_apart_from_the_daemon() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let leak = std::fs::File::open(bench.dir.path().join("kernel")).unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let spec = bench.spec("Good");
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    let pid = bench.pid(&id);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
    assert_eq!(
        (fields[2], fields[3]),
        (pid.to_string().as_str(), pid.to_string().as_str()),
        "group and session"
    );
    let open = |fd: &str| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
    assert_eq!(open("0").to_str(), Some("/dev/null"));
    assert_eq!(open("2"), bench.run_dir(&id).join("vmm.log"));
    let kernels = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        std::fs::read_link(path).is_ok_and(|target| target == bench.dir.path().join("kernel"))
    });
    assert_eq!(kernels.count(), 1, "the kernel it was given, and not the daemon's open file");
    supervisor.kill(&id).await.unwrap();
    assert!(is_reaped(pid));
}

#[tokio::test]
async fn an_instance_has_one_machine_at_a_time() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let (first, mut second) = (bench.spec("Good"), bench.spec("Good"));
    let id = first.instance_id.clone();
    second.instance_id = id.clone();
    supervisor.start(first).await.unwrap();
    let pid = bench.pid(&id);
    let error = supervisor.start(second).await.unwrap_err();
    assert!(error.chain().contains("runs already"), "{}", error.chain());
    assert!(supervisor.forget(&id).await.is_err());
    assert!(lives(pid) && bench.run_dir(&id).exists());
    supervisor.kill(&id).await.unwrap();
    supervisor.kill(&id).await.unwrap();
}

#[tokio::test]
async fn a_long_way_to_the_run_directory_is_refused_at_once() {
    let config = cumulet_supervisor::SupervisorConfig::new(format!("/tmp/{}", "x".repeat(100)));
    assert!(cumulet_supervisor::Supervisor::new(config).unwrap_err().to_string().contains("longer than"));
}
