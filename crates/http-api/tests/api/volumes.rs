//! Volumes, interfaces and changes of instances over the API; every answer is held against the OpenAPI document.

use crate::support::{Caller, code};
use axum::http::{Method, StatusCode};
use cumulet_test_support::eventually;
use serde_json::{Value, json};

async fn running(caller: &Caller) -> String {
    let id = caller.test.launch().await.id;
    caller.test.wait_for(&id, cumulet_model::state::InstanceState::Running).await;
    id.to_string()
}

async fn until(caller: &Caller, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(path, async || {
        let (_, value) = caller.get(path).await;
        is_so(&value).then_some(value)
    })
    .await
}

#[tokio::test]
async fn a_volume_from_its_making_to_its_end() {
    let caller = Caller::new().await;
    let instance = running(&caller).await;
    let (status, made) = caller.post("/v1/volumes", json!({ "size_gib": 2, "volume_type": "gp3" })).await;
    assert_eq!(
        (status, &made["state"], &made["iops"]),
        (StatusCode::CREATED, &json!("creating"), &json!(3000))
    );
    let path = format!("/v1/volumes/{}", made["id"].as_str().unwrap());
    until(&caller, &path, |value| value["volume"]["state"] == "available").await;
    let (status, attached) = caller.post(&format!("{path}/attach"), json!({ "instance_id": instance })).await;
    assert_eq!((status, &attached["attachment"]["device_name"]), (StatusCode::OK, &json!("/dev/sdf")));
    until(&caller, &path, |value| value["volume"]["attachment"]["state"] == "attached").await;
    let (_, modification) = caller.post(&format!("{path}/modify"), json!({ "size_gib": 3 })).await;
    assert_eq!(modification["target_size_gib"], 3);
    until(&caller, &path, |value| value["modification"]["state"] == "completed").await;
    let (status, refused) = caller.call(Method::DELETE, &path, None).await;
    assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, "VolumeInUse"));
    let (_, detaching) = caller.call(Method::POST, &format!("{path}/detach"), None).await;
    assert_eq!(detaching["state"], "detaching");
    until(&caller, &path, |value| value["volume"]["state"] == "available").await;
    assert_eq!(caller.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    for (request, expected) in [
        (json!({}), "MissingParameter"),
        (json!({ "size_gib": 0 }), "InvalidParameterValue"),
        (json!({ "size_gib": 1, "volume_type": "fast" }), "InvalidParameterValue"),
        (json!({ "size_gib": 1, "zone": "nowhere" }), "InvalidZone.NotFound"),
    ] {
        assert_eq!(code(&caller.post("/v1/volumes", request.clone()).await.1), expected, "{request}");
    }
}

#[tokio::test]
async fn an_interface_from_its_making_to_its_end() {
    let caller = Caller::new().await;
    let instance = running(&caller).await;
    let (status, made) = caller.post("/v1/network-interfaces", json!({ "description": "second" })).await;
    assert_eq!((status, &made["status"]), (StatusCode::CREATED, &json!("available")));
    let path = format!("/v1/network-interfaces/{}", made["id"].as_str().unwrap());
    caller.post(&format!("{path}/attach"), json!({ "instance_id": instance })).await;
    let held = until(&caller, &path, |value| value["status"] == "in-use").await;
    assert_eq!((&held["device_index"], &held["delete_on_termination"]), (&json!(1), &json!(false)));
    let change = json!({ "delete_on_termination": true, "source_dest_check": false, "description": "third" });
    let (_, changed) = caller.call(Method::PATCH, &path, Some(change)).await;
    assert_eq!((&changed["delete_on_termination"], &changed["description"]), (&json!(true), &json!("third")));
    caller.call(Method::POST, &format!("{path}/detach?force=true"), None).await;
    until(&caller, &path, |value| value["status"] == "available").await;
    let (_, loose) = caller.call(Method::POST, &format!("{path}/detach"), None).await;
    assert_eq!(code(&loose), "IncorrectState");
    assert_eq!(caller.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_instance_is_changed() {
    let caller = Caller::new().await;
    let path = format!("/v1/instances/{}", running(&caller).await);
    let change = json!({ "disable_api_stop": true, "metadata_options": { "tokens_required": true },
                         "delete_on_termination": { "/dev/xvda": false } });
    let (status, changed) = caller.call(Method::PATCH, &path, Some(change)).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(changed["metadata_options"]["tokens_required"], true);
    assert_eq!(changed["block_devices"][0]["delete_on_termination"], false);
    let (_, refused) = caller.call(Method::PATCH, &path, Some(json!({ "instance_type": "t3.nano" }))).await;
    assert_eq!(code(&refused), "IncorrectInstanceState");
    let (_, refused) = caller.call(Method::PATCH, &path, Some(json!({ "colour": "red" }))).await;
    assert_eq!(code(&refused), "InvalidParameterValue");
}
