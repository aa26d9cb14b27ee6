//! Guests, by their agent. The fake machines' agent is the real one, on this machine.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cumulet_model::state::InstanceState;
use serde_json::{Value, json};

use crate::support::{Caller, code};

async fn running() -> (Caller, String) {
    let caller = Caller::new().await;
    let id = caller.test.launch().await.id;
    caller.test.wait_for(&id, InstanceState::Running).await;
    (caller, format!("/v1/instances/{id}"))
}

fn text(value: &Value) -> String {
    String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_program_is_run_to_its_end() {
    let (caller, instance) = running().await;
    caller.test.vms.have_agents();
    let (status, agent) = caller.get(&format!("{instance}/agent")).await;
    assert_eq!((status, &agent["protocol_version"]), (StatusCode::OK, &json!(1)));
    if !rustix::process::getuid().is_root() {
        return println!("SKIPPED: only root can run programs for others");
    }
    let exec = format!("{instance}/exec");
    let body =
        json!({"argv": ["sh", "-c", "cat; echo odd >&2; exit 3"], "stdin_base64": STANDARD.encode("in")});
    let (status, done) = caller.post(&exec, body).await;
    assert_eq!((status, &done["exit_status"]), (StatusCode::OK, &json!(3)));
    assert_eq!((text(&done["stdout_base64"]), text(&done["stderr_base64"])), ("in".into(), "odd\n".into()));
    let (_, done) = caller.post(&exec, json!({"argv": ["sh", "-c", "kill -9 $$"]})).await;
    assert_eq!((&done["exit_status"], &done["signal"]), (&Value::Null, &json!(9)));
    let (status, error) = caller.post(&exec, json!({"argv": ["no-such-program"]})).await;
    assert_eq!((status, code(&error)), (StatusCode::NOT_FOUND, "AgentFailed.NotFound"));
    let (status, error) = caller.post(&exec, json!({"argv": ["sleep", "60"], "timeout_seconds": 1})).await;
    assert_eq!((status, code(&error)), (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"));
    for wrong in [json!({"argv": ["true"], "timeout_seconds": 51}), json!({"argv": []})] {
        let (status, error) = caller.post(&exec, wrong).await;
        assert_eq!((status, code(&error)), (StatusCode::BAD_REQUEST, "InvalidParameterValue"));
    }
    let (status, error) = caller.post(&exec, json!({"argv": ["true"], "stdin": true})).await;
    assert_eq!((status, code(&error)), (StatusCode::BAD_REQUEST, "InvalidParameterCombination"));
}

#[tokio::test]
async fn an_instance_without_an_agent_says_so() {
    let (caller, instance) = running().await;
    for path in ["agent", "exec"] {
        let path = format!("{instance}/{path}");
        let (status, error) = match path.ends_with("exec") {
            true => caller.post(&path, json!({"argv": ["true"]})).await,
            false => caller.get(&path).await,
        };
        assert_eq!((status, code(&error)), (StatusCode::CONFLICT, "AgentUnavailable"));
    }
}

#[tokio::test]
async fn a_stream_needs_a_connection_that_can_become_one() {
    let (caller, instance) = running().await;
    caller.test.vms.have_agents();
    for (path, body) in [
        ("forward", json!({"port": 22})),
        ("files/get", json!({"path": "/etc"})),
        ("files/put", json!({"path": "/tmp"})),
    ] {
        let (status, error) = caller.post(&format!("{instance}/{path}"), body).await;
        assert_eq!((status, code(&error)), (StatusCode::UPGRADE_REQUIRED, "UnsupportedOperation"));
    }
}
