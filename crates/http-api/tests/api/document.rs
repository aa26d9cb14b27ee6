//! The OpenAPI document is whole: every route is in it, and everything in it is a route.

use std::collections::BTreeSet;

use crate::support::Caller;
use axum::http::Method;
use serde_json::Value;

/// Each operation's method and path.
fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = |(path, methods): (&String, &Value)| {
        let operations = methods.as_object().unwrap().clone().into_iter();
        let path = path.clone();
        operations
            .map(move |(method, operation)| (method.to_uppercase().parse().unwrap(), path.clone(), operation))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(each).collect()
}

#[tokio::test]
async fn every_operation_is_there_by_its_name() {
    let document = serde_json::to_value(cumulet_http_api::document()).unwrap();
    let ids: BTreeSet<String> =
        operations(&document).iter().map(|(_, _, o)| o["operationId"].as_str().unwrap().to_owned()).collect();
    let expected = [
        "allocate_address",
        "ask_reachability",
        "associate_address",
        "associate_route_table",
        "attach_network_interface",
        "attach_volume",
        "authorize_rules",
        "aws_env",
        "create_flow_log",
        "create_internet_gateway",
        "create_key_pair",
        "create_network_interface",
        "create_route",
        "create_route_table",
        "create_security_group",
        "create_subnet",
        "create_volume",
        "delete_flow_log",
        "create_vpc",
        "delete_internet_gateway",
        "delete_key_pair",
        "delete_network_interface",
        "delete_route",
        "delete_route_table",
        "delete_saved_machine",
        "delete_security_group",
        "delete_subnet",
        "delete_volume",
        "delete_vpc",
        "deregister_image",
        "detach_network_interface",
        "detach_volume",
        "disassociate_address",
        "exec",
        "facts",
        "fork_instance",
        "fork_saved_machine",
        "forward",
        "get_agent",
        "get_files",
        "get_flow_log",
        "get_image",
        "get_instance",
        "get_key_pair",
        "get_network_interface",
        "get_saved_machine",
        "get_security_group",
        "get_user_data",
        "get_volume",
        "health",
        "import_key_pair",
        "list_addresses",
        "list_flow_logs",
        "list_images",
        "list_instance_types",
        "list_instances",
        "list_internet_gateways",
        "list_key_pairs",
        "list_network_interfaces",
        "list_route_tables",
        "list_saved_machines",
        "list_security_groups",
        "list_subnets",
        "list_tags",
        "list_volumes",
        "list_vpcs",
        "modify_instance",
        "modify_network_interface",
        "modify_volume",
        "put_files",
        "read_console",
        "read_flow_log",
        "reboot_instance",
        "register_image",
        "release_address",
        "remove_tags",
        "revoke_rules",
        "run_instances",
        "save_instance",
        "set_tags",
        "start_instance",
        "stop_instance",
        "teardown",
        "terminate_instance",
        "write_console",
    ];
    assert_eq!(ids, expected.map(str::to_owned).into());
    assert_eq!(operations(&document).len(), expected.len(), "operation ids are unique");
}

#[tokio::test]
async fn what_is_in_the_document_is_served() {
    let caller = Caller::new().await;
    for (method, path, _) in operations(&caller.document) {
        if path == "/v1/teardown" {
            continue; // It would end the cloud that the others are asked of; another test calls it.
        }
        let path = path.replace("{id}", "x").replace("{name_or_id}", "x");
        let (status, body) = caller.call(method.clone(), &path, None).await;
        assert_ne!(status.as_u16(), 404, "{method} {path}");
        assert_ne!(status.as_u16(), 405, "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn every_operation_says_how_it_fails_and_is_described() {
    let document = serde_json::to_value(cumulet_http_api::document()).unwrap();
    for (method, path, operation) in operations(&document) {
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{method} {path}");
        let failure = &operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(failure, "#/components/schemas/ErrorReply", "{method} {path}");
    }
    let named: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    for (_, path, operation) in operations(&document) {
        assert!(named.contains(operation["tags"][0].as_str().unwrap()), "{path}");
    }
}

#[tokio::test]
async fn it_is_served_as_json_and_all_its_references_lead_somewhere() {
    let caller = Caller::new().await;
    let (status, document) =
        caller.send(axum::http::Request::get("/openapi.json").body(axum::body::Body::empty()).unwrap()).await;
    assert!(status.is_success());
    assert_eq!(document, caller.document);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let mut references = Vec::new();
    find_references(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn find_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| find_references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| find_references(value, found)),
        _ => {}
    }
}
