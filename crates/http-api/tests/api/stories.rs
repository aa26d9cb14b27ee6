//! What people do with the API, over the real engine; every answer is held against the OpenAPI document.

use crate::support::{Caller, code};
use axum::http::{Method, StatusCode};
use cumulet_model::state::InstanceState;
use cumulet_test_support::eventually;
use serde_json::{Value, json};

/// Launches with `extra` in the request and waits until it runs; gives the id.
async fn launch(caller: &Caller, extra: Value) -> String {
    let image = caller.test.image().await;
    let mut request = json!({ "image_id": image.id.as_str() });
    request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let (status, launched) = caller.post("/v1/instances", request).await;
    assert_eq!(status, StatusCode::CREATED, "{launched}");
    let id = launched["instances"][0]["id"].as_str().unwrap().to_owned();
    wait_for(caller, &id, InstanceState::Running).await;
    id
}

async fn wait_for(caller: &Caller, id: &str, state: InstanceState) {
    caller.test.wait_for(&id.parse().unwrap(), state).await;
}

fn ids(list: &Value) -> Vec<&str> {
    list["instances"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_instance_from_launch_to_its_end() {
    let caller = Caller::new().await;
    let id = launch(&caller, json!({ "tags": { "Name": "web" }, "instance_type": "t3.small" })).await;
    let (_, detail) = caller.get(&format!("/v1/instances/{id}")).await;
    let instance = &detail["instance"];
    assert_eq!(instance["state"], "running");
    assert_eq!(instance["instance_type"], "t3.small");
    assert_eq!(instance["tags"], json!({ "Name": "web" }));
    assert_eq!(instance["private_ip"], instance["interfaces"][0]["private_ip"]);
    assert!(instance["public_ip"].is_string(), "the default subnet gives public addresses");

    let (_, change) = caller.call(Method::POST, &format!("/v1/instances/{id}/stop"), None).await;
    assert_eq!(
        (&change["previous_state"], &change["current_state"]),
        (&json!("running"), &json!("stopping"))
    );
    wait_for(&caller, &id, InstanceState::Stopped).await;
    let (_, detail) = caller.get(&format!("/v1/instances/{id}")).await;
    assert!(detail["instance"].get("public_ip").is_none(), "a stop frees the public address");
    assert_eq!(detail["reachability"], "not-applicable");

    let (_, change) = caller.call(Method::POST, &format!("/v1/instances/{id}/start"), None).await;
    assert_eq!(change["current_state"], "pending");
    wait_for(&caller, &id, InstanceState::Running).await;
    let (status, _) = caller.call(Method::POST, &format!("/v1/instances/{id}/reboot"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);

    let (_, change) = caller.call(Method::POST, &format!("/v1/instances/{id}/terminate"), None).await;
    assert_eq!(change["current_state"], "shutting-down");
    wait_for(&caller, &id, InstanceState::Terminated).await;
    let (_, list) = caller.get("/v1/instances?state=terminated").await;
    assert_eq!(ids(&list), [id.as_str()], "a terminated instance stays listed");
    let (status, refused) = caller.call(Method::POST, &format!("/v1/instances/{id}/start"), None).await;
    assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, "IncorrectInstanceState"));
}

#[tokio::test]
async fn a_list_is_narrowed_by_state_name_tag_and_image() {
    let caller = Caller::new().await;
    let web = launch(&caller, json!({ "tags": { "Name": "web", "role": "front" } })).await;
    let image = caller.test.cloud.instances().await.unwrap()[0].image_id.clone();
    let request = json!({ "image_id": image.as_str(), "count": 2, "tags": { "role": "back" } });
    let (_, launched) = caller.post("/v1/instances", request).await;
    let backs: Vec<_> = ids(&launched).into_iter().map(str::to_owned).collect();
    assert_eq!(backs.len(), 2);
    for id in &backs {
        wait_for(&caller, id, InstanceState::Running).await;
    }
    for (query, expected) in [
        ("", 3),
        ("?state=running", 3),
        ("?state=pending,stopped", 0),
        ("?name=web", 1),
        ("?name=we", 0),
        ("?tag=role", 3),
        ("?tag=role=back", 2),
        ("?tag=role=back&name=web", 0),
        ("?image_id=ami-0123456789abcdef0", 0),
    ] {
        let (_, list) = caller.get(&format!("/v1/instances{query}")).await;
        assert_eq!(ids(&list).len(), expected, "{query}");
    }
    let (_, list) = caller.get("/v1/instances?tag=role=front").await;
    assert_eq!(ids(&list), [web.as_str()]);
}

#[tokio::test]
async fn a_console_is_read_on_and_typed_into() {
    let caller = Caller::new().await;
    let id = launch(&caller, json!({})).await;
    let path = format!("/v1/instances/{id}/console");
    let (_, piece) = caller.get(&path).await;
    assert_eq!(piece["data_base64"], "aGVsbG8gZnJvbSB0aGUgZmFrZSBtYWNoaW5lCg==");
    let next = piece["next"].as_u64().unwrap();
    let (_, written) = caller.post(&path, json!({ "data_base64": "bHMK" })).await;
    assert_eq!(written["written"], 3);
    let (_, piece) = caller.get(&format!("{path}?offset={next}&wait=true")).await;
    assert_eq!((&piece["offset"], &piece["data_base64"]), (&json!(next), &json!("bHMK")));
    let (_, refused) = caller.post(&path, json!({ "data_base64": "???" })).await;
    assert_eq!(code(&refused), "InvalidParameterValue");
}

#[tokio::test]
async fn an_instance_that_never_ran_has_said_nothing() {
    let caller = Caller::new().await;
    let image = caller.test.image().await;
    // The first call of a launch to the host fails: no machine ever was.
    caller.test.faults.fail_after(0);
    let (_, launched) = caller.post("/v1/instances", json!({ "image_id": image.id.as_str() })).await;
    let id = launched["instances"][0]["id"].as_str().unwrap();
    wait_for(&caller, id, InstanceState::Terminated).await;
    let (status, piece) = caller.get(&format!("/v1/instances/{id}/console")).await;
    assert_eq!((status, piece), (StatusCode::OK, json!({ "offset": 0, "next": 0, "data_base64": "" })));
    let (_, none) = caller.get("/v1/instances/i-0123456789abcdef0/console").await;
    assert_eq!(code(&none), "InvalidInstanceID.NotFound");
}

#[tokio::test]
async fn user_data_comes_back_as_it_went_in_and_has_its_limit() {
    let caller = Caller::new().await;
    let id = launch(&caller, json!({ "user_data_base64": "IyEvYmluL3NoCg==" })).await;
    let (_, data) = caller.get(&format!("/v1/instances/{id}/user-data")).await;
    assert_eq!(data, json!({ "user_data_base64": "IyEvYmluL3NoCg==" }));
    let image = caller.test.cloud.images().await.unwrap().pop().unwrap();
    let large = "A".repeat(16 * 1024 / 3 * 4 + 8);
    let request = json!({ "image_id": image.id.as_str(), "user_data_base64": large });
    let (status, refused) = caller.post("/v1/instances", request).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
}

#[tokio::test]
async fn a_dry_run_launches_nothing() {
    let caller = Caller::new().await;
    let image = caller.test.image().await;
    let request = json!({ "image_id": image.id.as_str(), "dry_run": true });
    let (status, refused) = caller.post("/v1/instances", request).await;
    assert_eq!((status, code(&refused)), (StatusCode::PRECONDITION_FAILED, "DryRunOperation"));
    let (_, list) = caller.get("/v1/instances").await;
    assert_eq!(list, json!({ "instances": [] }));
}

#[tokio::test]
async fn key_pairs_are_made_once_and_found_by_name_and_id() {
    let caller = Caller::new().await;
    let (status, created) = caller.post("/v1/key-pairs", json!({ "name": "my key/1" })).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(created["private_key"].as_str().unwrap().contains("PRIVATE KEY"));
    assert_eq!(created["key_pair"]["key_type"], "ed25519");
    let (_, refused) = caller.post("/v1/key-pairs", json!({ "name": "my key/1" })).await;
    assert_eq!(code(&refused), "InvalidKeyPair.Duplicate");

    let id = created["key_pair"]["id"].as_str().unwrap();
    let (_, by_id) = caller.get(&format!("/v1/key-pairs/{id}")).await;
    let (_, by_name) = caller.get("/v1/key-pairs/my%20key%2F1").await;
    assert_eq!(by_id, by_name);
    let import = json!({ "name": "twin", "public_key": by_id["public_key"] });
    let (status, imported) = caller.post("/v1/key-pairs/import", import).await;
    assert_eq!((status, &imported["key_type"]), (StatusCode::CREATED, &json!("ed25519")));

    let (_, list) = caller.get("/v1/key-pairs").await;
    assert_eq!(list["key_pairs"].as_array().unwrap().len(), 2);
    assert_eq!(caller.call(Method::DELETE, "/v1/key-pairs/twin", None).await.0, StatusCode::NO_CONTENT);
    let (_, gone) = caller.call(Method::DELETE, "/v1/key-pairs/twin", None).await;
    assert_eq!(code(&gone), "InvalidKeyPair.NotFound");
}

#[tokio::test]
async fn a_port_is_opened_and_closed_again() {
    let caller = Caller::new().await;
    let (status, group) = caller.post("/v1/security-groups", json!({ "name": "web" })).await;
    assert_eq!(status, StatusCode::CREATED, "{group}");
    let path = format!("/v1/security-groups/{}", group["id"].as_str().unwrap());
    let rule = json!({ "protocol": "tcp", "from_port": 80, "to_port": 80, "cidr": "0.0.0.0/0" });
    let request = json!({ "direction": "ingress", "rules": [rule] });
    let (status, added) = caller.post(&format!("{path}/rules"), request.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    assert_eq!(added["rules"][0]["spec"], rule);
    let (_, twice) = caller.post(&format!("{path}/rules"), request.clone()).await;
    assert_eq!(code(&twice), "InvalidPermission.Duplicate");

    let (_, shown) = caller.get(&path).await;
    let inward = shown["rules"].as_array().unwrap().iter().filter(|rule| rule["direction"] == "ingress");
    assert_eq!(inward.count(), 1);
    let (_, removed) = caller.post(&format!("{path}/rules/revoke"), request.clone()).await;
    assert_eq!(removed["rules"].as_array().unwrap().len(), 1, "{removed}");
    let (_, again) = caller.post(&format!("{path}/rules/revoke"), request).await;
    assert_eq!(code(&again), "InvalidPermission.NotFound");
    let (_, none) =
        caller.post(&format!("{path}/rules"), json!({ "direction": "ingress", "rules": [] })).await;
    assert_eq!(code(&none), "MissingParameter");

    assert_eq!(caller.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(code(&caller.get(&path).await.1), "InvalidGroup.NotFound");
}

#[tokio::test]
async fn images_come_and_go() {
    let caller = Caller::new().await;
    let image = caller.test.image().await;
    let path = format!("/v1/images/{}", image.id);
    let (_, shown) = caller.get(&path).await;
    assert_eq!((&shown["state"], &shown["kind"]), (&json!("available"), &json!("machine")));
    let (_, machines) = caller.get("/v1/images?kind=machine").await;
    let (_, all) = caller.get("/v1/images").await;
    assert_eq!(
        (machines["images"].as_array().unwrap().len(), all["images"].as_array().unwrap().len()),
        (1, 2)
    );

    let relative = json!({ "kind": "machine", "name": "mine", "source_path": "disk.raw" });
    assert_eq!(code(&caller.post("/v1/images", relative).await.1), "InvalidParameterValue");
    let missing = json!({ "kind": "machine", "name": "mine", "source_path": "/nowhere/disk.raw" });
    let (_, missing) = caller.post("/v1/images", missing).await;
    assert!(code(&missing).starts_with("Invalid"), "{missing}");

    assert_eq!(caller.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(code(&caller.get(&path).await.1), "InvalidAMIID.NotFound");
}

#[tokio::test]
async fn the_network_and_the_volumes_are_there_to_see() {
    let caller = Caller::new().await;
    let id =
        launch(&caller, json!({ "block_devices": [{ "device_name": "/dev/sdf", "size_gib": 3 }] })).await;
    let (_, vpcs) = caller.get("/v1/vpcs").await;
    assert_eq!(
        (&vpcs["vpcs"][0]["cidr"], &vpcs["vpcs"][0]["is_default"]),
        (&json!("172.31.0.0/16"), &json!(true))
    );
    let (_, subnets) = caller.get("/v1/subnets").await;
    assert_eq!(subnets["subnets"].as_array().unwrap().len(), 2, "one for each zone");
    let (_, interfaces) = caller.get("/v1/network-interfaces").await;
    assert_eq!(interfaces["network_interfaces"][0]["instance_id"], json!(id));
    let (_, volumes) = caller.get("/v1/volumes").await;
    let sizes: Vec<_> =
        volumes["volumes"].as_array().unwrap().iter().map(|v| v["size_gib"].as_u64().unwrap()).collect();
    assert!(sizes.contains(&3) && sizes.len() == 2, "{sizes:?}");
    let (_, types) = caller.get("/v1/instance-types").await;
    let micro = types["instance_types"].as_array().unwrap().iter().find(|t| t["name"] == "t3.micro").unwrap();
    assert_eq!((&micro["vcpus"], &micro["memory_mib"]), (&json!(2), &json!(1024)));
    let (_, host) = caller.get("/v1/host").await;
    assert_eq!((&host["version"], &host["region"]), (&json!("1.2.3"), &json!("us-east-1")));
}

#[tokio::test]
async fn tags_are_set_listed_and_removed() {
    let caller = Caller::new().await;
    let id = launch(&caller, json!({})).await;
    let set = json!({ "resource_ids": [id], "tags": { "a": "1", "b": "" } });
    assert_eq!(caller.call(Method::PUT, "/v1/tags", Some(set)).await.0, StatusCode::NO_CONTENT);
    let (_, list) = caller.get(&format!("/v1/tags?resource_id={id}")).await;
    assert_eq!(list["tags"].as_array().unwrap().len(), 2);
    assert_eq!(list["tags"][0]["resource_type"], "instance");
    let (_, refused) = caller.post("/v1/tags/remove", json!({ "resource_ids": [id], "keys": [] })).await;
    assert_eq!(code(&refused), "MissingParameter", "nothing named is not everything");
    let remove = json!({ "resource_ids": [id], "keys": ["a", "c"] });
    assert_eq!(caller.post("/v1/tags/remove", remove).await.0, StatusCode::NO_CONTENT);
    let (_, list) = caller.get(&format!("/v1/tags?resource_id={id}")).await;
    assert_eq!(list["tags"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_teardown_ends_all_machines() {
    let caller = Caller::new().await;
    launch(&caller, json!({})).await;
    assert_eq!(caller.test.vms.running().len(), 1);
    let (status, done) = caller.call(Method::POST, "/v1/teardown", None).await;
    assert_eq!((status, done), (StatusCode::OK, json!({ "status": "clean" })));
    eventually("no machine runs", async || caller.test.vms.running().is_empty().then_some(())).await;
}
