//! The agent of an instance, by the engine. The fake machines' agent is the real one, on this machine.

use std::time::Duration;

use cumulet_agent_client::OutputLimits;
use cumulet_agent_client::protocol::{AgentMessage, Command, Exec, Exit, Get, HostKeys, Identity};
use cumulet_engine::agent::{ForkInterface, give_identity, new_identity};
use cumulet_model::state::InstanceState;
use cumulet_model::{ErrorCode, InstanceId};
use cumulet_test_support::TestCloud;
use jiff::Timestamp;

const LIMITS: OutputLimits = OutputLimits { bytes: 1000, time: Duration::from_secs(60) };

async fn launched(test: &TestCloud) -> InstanceId {
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    id
}

fn shell(script: &str) -> Exec {
    Exec { argv: vec!["sh".into(), "-c".into(), script.into()], ..Exec::default() }
}

#[tokio::test]
async fn an_agent_greets_and_runs_programs() {
    let test = TestCloud::new().await;
    let id = launched(&test).await;
    test.vms.have_agents();
    assert_eq!(test.cloud.agent_greeting(&id).await.unwrap().version, 1);
    if !rustix::process::getuid().is_root() {
        return println!("SKIPPED: only root can run programs for others");
    }
    let done = test.cloud.agent_run(&id, shell("cat; exit 4"), b"input", LIMITS).await.unwrap();
    assert_eq!((done.exit, done.stdout.as_slice()), (Exit::Status(4), &b"input"[..]));
    let slow = OutputLimits { time: Duration::from_millis(200), ..LIMITS };
    let error = test.cloud.agent_run(&id, shell("sleep 60"), b"", slow).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
    let none = Exec { argv: vec!["no-such-program".into()], ..Exec::default() };
    let error = test.cloud.agent_run(&id, none, b"", LIMITS).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::AgentNotFound);
    assert!(error.message.contains("no-such-program"), "{error}");
}

#[tokio::test]
async fn a_stream_begins_or_says_why_not() {
    let test = TestCloud::new().await;
    let id = launched(&test).await;
    test.vms.have_agents();
    let get = |path: &str| Command::Get(Get { path: path.into() });
    let stream = test.cloud.agent_stream(&id, get("/etc/hostname")).await.unwrap();
    assert_eq!(stream.first, AgentMessage::Ready);
    let error = test.cloud.agent_stream(&id, get("/no/such")).await.err().unwrap();
    assert_eq!(error.code, ErrorCode::AgentNotFound);
}

#[tokio::test]
async fn who_has_no_agent_or_does_not_run_is_told_apart() {
    let test = TestCloud::new().await;
    let id = launched(&test).await;
    let error = test.cloud.agent_greeting(&id).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::AgentUnavailable);
    assert!(error.message.contains("cumulet-agent"), "{error}");
    test.cloud.stop_instances(std::slice::from_ref(&id), true).await.unwrap();
    test.wait_for(&id, InstanceState::Stopped).await;
    let error = test.cloud.agent_greeting(&id).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::IncorrectInstanceState);
}

#[tokio::test]
async fn an_identity_is_new_each_time_and_asked_for_until_it_is_taken() {
    let test = TestCloud::new().await;
    let id = launched(&test).await;
    let interface = ForkInterface {
        mac: "02:00:00:00:00:02".parse().unwrap(),
        source_mac: "02:00:00:00:00:01".parse().unwrap(),
        address: "172.31.0.5".parse().unwrap(),
        prefix: 20,
        gateway: Some("172.31.0.1".parse().unwrap()),
    };
    let new = || new_identity(&id, "ip-172-31-0-5.ec2.internal", &[interface], Timestamp::now()).unwrap();
    let (one, other) = (new(), new());
    assert_ne!(one.machine_id, other.machine_id);
    assert_ne!(one.entropy, other.entropy);
    assert_ne!(one.host_keys, other.host_keys);
    let HostKeys::Replace(keys) = &one.host_keys else { panic!() };
    assert!(keys[0].private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    assert!(keys[0].public.starts_with("ssh-ed25519 "));
    assert_eq!(one.interfaces[0].routes[0].destination.to_string(), "0.0.0.0/0");

    // One that says nothing, as it would be this machine's.
    let nothing = Identity::default();
    let limit = Duration::from_millis(50);
    let error = give_identity(&*test.vms, &id, &nothing, limit).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::AgentUnavailable);
    let later = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        test.vms.have_agents();
    };
    let limit = Duration::from_secs(60);
    let (done, ()) = tokio::join!(give_identity(&*test.vms, &id, &nothing, limit), later);
    assert_eq!(done.unwrap().problems, [""; 0]);
}
