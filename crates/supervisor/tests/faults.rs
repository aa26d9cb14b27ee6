//! VMMs that misbehave: each gets an answer with a reason, leaves no process behind, and holds up nobody else.

mod common;

use std::fs;
use std::time::Duration;

use common::*;
use cumulet_ports::VmHost;
use cumulet_ports::vm_host::{FoundState, VmEnd};

/// Starts a machine whose VMM plays a part and expects it to fail with a word; nothing of it lives.
async fn start_fails(part: &str, word: &str) {
    let mut bench = Bench::new();
    if word.contains("within") {
        bench.config.start_limit = Duration::from_secs(2);
    }
    let (supervisor, mut events, _) = bench.daemon().await;
    let spec = bench.spec(part);
    let id = spec.instance_id.clone();
    let error = supervisor.start(spec).await.unwrap_err().chain();
    assert!(error.contains(word), "{part}: {error}");
    assert!(!supervisor.is_running(&id).await);
    if bench.run_dir(&id).join("identity.json").exists() {
        assert!(is_reaped(bench.pid(&id)), "{part}");
    }
    assert!(events.try_recv().is_err(), "a failed start is an answer and not an event");
    let (_next, _events, found) = bench.daemon().await;
    assert!(matches!(found[0].state, FoundState::Ended(_)), "{part}: {found:?}");
}

#[tokio::test]
async fn a_vmm_that_says_why_it_fails_is_quoted() {
    start_fails("FailsToStart", "kernel: not a kernel: opened the kernel; the kernel is no kernel").await;
}

#[tokio::test]
async fn a_vmm_that_ends_without_a_word_is_told_with_its_log() {
    start_fails("EndsSilently", "ended without a word: boom").await;
}

#[tokio::test]
async fn a_vmm_that_never_listens_is_given_up() {
    start_fails("NeverListens", "did not start within").await;
}

#[tokio::test]
async fn a_vmm_that_never_says_who_it_is_is_given_up() {
    start_fails("NeverSaysWho", "did not start within").await;
}

#[tokio::test]
async fn a_vmm_that_never_runs_is_given_up() {
    start_fails("StaysStarting", "did not start within").await;
}

#[tokio::test]
async fn a_vmm_of_another_launch_is_refused() {
    start_fails("LiesAboutItself", "its launch differs").await;
}

#[tokio::test]
async fn a_vmm_that_floods_is_cut_off() {
    start_fails("Floods", "longer than").await;
}

#[tokio::test]
async fn a_missing_program_or_file_is_named() {
    let mut bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let mut spec = bench.spec("Good");
    spec.disks[0].chain.layers[1].path = "/nowhere".into();
    let disk = format!("can't open the disk {}", spec.disks[0].volume_id);
    assert!(supervisor.start(spec).await.unwrap_err().chain().contains(&disk));
    bench.config.vmm_program = "/nowhere/vmm".into();
    let (supervisor, _events, _) = bench.daemon().await;
    let error = supervisor.start(bench.spec("Good")).await.unwrap_err().chain();
    assert!(error.contains("VMM's program /nowhere/vmm"), "{error}");
}

#[tokio::test]
async fn a_mute_vmm_holds_up_nobody_and_can_be_killed() {
    let mut bench = Bench::new();
    bench.config.call_limit = Duration::from_secs(5);
    let (supervisor, mut events, _) = bench.daemon().await;
    let (mute, good) = (bench.spec("GoesMute"), bench.spec("Good"));
    let (mute_id, good_id) = (mute.instance_id.clone(), good.instance_id.clone());
    supervisor.start(mute).await.unwrap();
    supervisor.start(good).await.unwrap();
    let pid = bench.pid(&mute_id);
    let stuck = async {
        let calls = (0..40).map(|_| supervisor.metrics(&mute_id));
        futures::future::join_all(calls).await
    };
    let fluent = async {
        for _ in 0..40 {
            supervisor.metrics(&good_id).await.unwrap();
        }
    };
    let (stuck, ()) = tokio::join!(stuck, fluent);
    assert!(stuck.iter().all(|call| call.as_ref().is_err_and(|error| error.transient)));
    assert!(supervisor.is_running(&mute_id).await);
    supervisor.kill(&mute_id).await.unwrap();
    assert!(is_reaped(pid));
    assert_eq!(next(&mut events).await.end, VmEnd::Silent);
    supervisor.kill(&good_id).await.unwrap();
}

#[tokio::test]
async fn a_vmm_that_will_not_die_is_killed_by_force() {
    let bench = Bench::new();
    let (supervisor, mut events, _) = bench.daemon().await;
    let spec = bench.spec("WillNotDie");
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    let pid = bench.pid(&id);
    supervisor.kill(&id).await.unwrap();
    assert!(is_reaped(pid));
    assert_eq!(next(&mut events).await.end, VmEnd::Silent);
}

#[tokio::test]
async fn answers_that_do_not_fit_the_question_are_errors() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("AnswersBesides");
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    assert!(supervisor.metrics(&id).await.unwrap_err().chain().contains("does not fit"));
    assert!(supervisor.console(&id, None, 100, false).await.unwrap_err().chain().contains("does not fit"));
    assert!(supervisor.console_write(&id, b"x").await.unwrap_err().chain().contains("does not fit"));
    supervisor.kill(&id).await.unwrap();
}

#[tokio::test]
async fn readers_who_wait_get_an_empty_answer_and_leave_room_for_others() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("Good");
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    let readers = futures::future::join_all((0..30).map(|_| supervisor.console(&id, Some(25), 10, true)));
    let (chunks, metrics) = tokio::join!(readers, supervisor.metrics(&id));
    metrics.unwrap();
    for chunk in chunks {
        let chunk = chunk.unwrap();
        assert_eq!((chunk.offset, chunk.end, chunk.data.len()), (25, 25, 0));
    }
    supervisor.kill(&id).await.unwrap();
}

#[tokio::test]
async fn a_vmm_without_its_socket_is_taken_up_and_watched() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("LosesItsSocket");
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    let pid = bench.pid(&id);
    supervisor.power_button(&id).await.unwrap();
    until("the socket is gone", || !bench.run_dir(&id).join("control.sock").exists()).await;
    drop(supervisor);

    let (supervisor, mut events, found) = bench.daemon().await;
    assert_eq!(found[0].state, FoundState::Running);
    assert!(supervisor.metrics(&id).await.is_err());
    supervisor.kill(&id).await.unwrap();
    assert!(is_reaped(pid));
    assert_eq!(next(&mut events).await.instance_id, id);
}

#[tokio::test]
async fn a_stored_pid_that_is_another_process_is_left_alone() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("Good");
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    drop(supervisor);
    let vmm = bench.pid(&id);
    let mut bystander = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let path = bench.run_dir(&id).join("identity.json");
    let text = fs::read_to_string(&path).unwrap();
    let forged = text.replace(&format!("\"pid\":{vmm},"), &format!("\"pid\":{},", bystander.id()));
    assert_ne!(text, forged);
    fs::write(&path, forged).unwrap();

    let (_supervisor, _events, found) = bench.daemon().await;
    assert_eq!(found[0].state, FoundState::Ended(VmEnd::Silent));
    assert!(lives(bystander.id()), "the process that has the number now");
    assert!(!lives(vmm), "whoever lived there would have gone on writing to the disks");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_daemon_that_died_in_the_middle_of_a_start_finds_the_vmm() {
    let bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("StaysStarting");
    let id = spec.instance_id.clone();
    let supervisor = std::sync::Arc::new(supervisor);
    let starting = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { supervisor.start(spec).await }
    });
    until("the VMM has said who it is", || bench.run_dir(&id).join("control.sock").exists()).await;
    let (next_daemon, _next_events, found) = bench.daemon().await;
    assert_eq!(found[0].state, FoundState::Running);
    next_daemon.kill(&id).await.unwrap();
    assert!(starting.await.unwrap().is_err());
}

#[tokio::test]
async fn a_vmm_that_nobody_can_name_is_ended_when_it_is_found() {
    let mut bench = Bench::new();
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("NeverSaysWho");
    let (id, launch_id) = (spec.instance_id.clone(), spec.launch_id.clone());
    let starting = tokio::spawn(async move { supervisor.start(spec).await });
    let dir = bench.run_dir(&id);
    until("the VMM lives", || cumulet_supervisor::vmm_pids(&dir).is_ok_and(|pids| pids.len() == 1)).await;
    let pid = cumulet_supervisor::vmm_pids(&dir).unwrap()[0];

    bench.config.start_limit = Duration::from_millis(100);
    let (_next_daemon, _events, found) = bench.daemon().await;
    assert_eq!((&found[0].launch_id, &found[0].state), (&launch_id, &FoundState::Ended(VmEnd::Silent)));
    assert!(!lives(pid), "it would have gone on writing to the disks");
    assert!(starting.await.unwrap().is_err());
}

#[tokio::test]
async fn directories_that_make_no_sense_are_set_aside() {
    let bench = Bench::new();
    let vms = bench.config.run_dir.join("vms");
    fs::create_dir_all(vms.join("lost+found")).unwrap();
    fs::create_dir_all(vms.join("i-0123456789abcdef0")).unwrap();
    fs::write(vms.join("i-0123456789abcdef0/spec.json"), b"{").unwrap();
    fs::create_dir_all(vms.join("i-0123456789abcdef1")).unwrap();
    let (_supervisor, _events, found) = bench.daemon().await;
    assert_eq!(found, []);
    assert_eq!(fs::read_dir(&vms).unwrap().count(), 0);
    assert_eq!(fs::read_dir(bench.config.run_dir.join("quarantine")).unwrap().count(), 3);
}
