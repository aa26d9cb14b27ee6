//! Flow logs over the API: made, followed line by line, deleted.

use crate::support::{Caller, code};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

async fn lines(caller: &Caller, path: &str) -> Vec<Value> {
    let response =
        caller.router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_flow_log_from_its_making_to_its_end() {
    let caller = Caller::new().await;
    let vpc = caller.test.cloud.vpcs().await.unwrap().remove(0).id.to_string();
    let asked = json!({ "resource_id": vpc, "format": "${srcaddr} ${action}", "aggregation_seconds": 60 });
    let (status, made) = caller.post("/v1/flow-logs", asked).await;
    assert_eq!((status, &made["fields"]), (StatusCode::CREATED, &json!(["srcaddr", "action"])));
    let path = format!("/v1/flow-logs/{}", made["id"].as_str().unwrap());
    assert_eq!(caller.get(&path).await.1["traffic"], "all");
    assert_eq!(caller.get("/v1/flow-logs").await.1["flow_logs"].as_array().unwrap().len(), 1);

    caller.test.network.record("10.0.0.1 ACCEPT");
    caller.test.network.record("10.0.0.2 REJECT");
    let record = |from: &str, action: &str| json!({ "record": { "srcaddr": from, "action": action } });
    assert_eq!(
        lines(&caller, &format!("{path}/records")).await,
        [record("10.0.0.1", "ACCEPT"), record("10.0.0.2", "REJECT")]
    );
    assert_eq!(lines(&caller, &format!("{path}/records?last=1")).await, [record("10.0.0.2", "REJECT")]);
    // The fake's log ends where a real one would be waited for.
    assert_eq!(lines(&caller, &format!("{path}/records?last=0&follow=true")).await, [json!({ "gap": {} })]);
    let (status, refused) = caller.get(&format!("{path}/records?last=10001")).await;
    assert_eq!((status, code(&refused)), (StatusCode::BAD_REQUEST, "InvalidParameterValue"));

    assert_eq!(caller.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    let (_, refused) = caller.get(&path).await;
    assert_eq!(code(&refused), "InvalidFlowLogId.NotFound");
    let (_, refused) = caller.call(Method::DELETE, &path, None).await;
    assert_eq!(code(&refused), "InvalidFlowLogId.NotFound");
}

#[tokio::test]
async fn what_is_wrong_is_told_by_name() {
    let caller = Caller::new().await;
    let vpc = caller.test.cloud.vpcs().await.unwrap().remove(0).id.to_string();
    for (request, expected) in [
        (json!({ "resource_id": "i-00000000000000001" }), "InvalidParameterValue"),
        (json!({ "resource_id": "vpc-00000000000000000" }), "InvalidVpcID.NotFound"),
        (json!({ "resource_id": vpc, "format": "srcaddr" }), "InvalidParameter"),
        (json!({ "resource_id": vpc, "aggregation_seconds": 1 }), "InvalidParameter"),
        (json!({ "resource_id": vpc, "colour": "red" }), "InvalidParameterValue"),
    ] {
        assert_eq!(code(&caller.post("/v1/flow-logs", request.clone()).await.1), expected, "{request}");
    }
}
