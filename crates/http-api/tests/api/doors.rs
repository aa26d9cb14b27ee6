//! Who may come in, and what happens to requests that make no sense.

use crate::support::{Caller, code};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use cumulet_http_api::Door;
use serde_json::json;

fn tcp() -> Door {
    Door::Tcp { token: "s3cret".into(), host_names: vec!["cloud.lan".into()] }
}

fn request(path: &str, host: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::get(path).header(header::HOST, host);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn over_tcp_nothing_is_told_without_the_token() {
    let caller = Caller::by(tcp()).await;
    for path in ["/v1/instances", "/v1/health", "/openapi.json", "/nowhere"] {
        for token in [None, Some("wrong"), Some("")] {
            let (status, body) = caller.send(request(path, "127.0.0.1:8774", token)).await;
            assert_eq!((status, code(&body)), (StatusCode::UNAUTHORIZED, "AuthFailure"), "{path} {token:?}");
        }
    }
    let (status, body) = caller.send(request("/v1/instances", "127.0.0.1:8774", Some("s3cret"))).await;
    assert_eq!((status, body), (StatusCode::OK, json!({ "instances": [] })));
}

#[tokio::test]
async fn a_web_page_that_calls_itself_by_another_name_is_refused() {
    let caller = Caller::by(tcp()).await;
    let (status, body) = caller.send(request("/v1/health", "rebound.example", Some("s3cret"))).await;
    assert_eq!((status, code(&body)), (StatusCode::FORBIDDEN, "UnauthorizedOperation"));
    for host in ["cloud.lan:8774", "localhost", "[::1]:8774"] {
        let (status, _) = caller.send(request("/v1/health", host, Some("s3cret"))).await;
        assert_eq!(status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn the_secret_key_goes_out_by_the_unix_socket_only() {
    let caller = Caller::by(tcp()).await;
    let (status, body) = caller.send(request("/v1/aws-env", "localhost", Some("s3cret"))).await;
    assert_eq!((status, code(&body)), (StatusCode::FORBIDDEN, "UnauthorizedOperation"));
    let local = Caller::new().await;
    let (status, body) = local.get("/v1/aws-env").await;
    assert_eq!(status, StatusCode::OK);
    let key = local.test.cloud.root_access_key().await.unwrap();
    assert_eq!(body["access_key_id"], key.id);
    assert_eq!(body["secret_access_key"], key.secret);
    assert_eq!(body["region"], "us-east-1");
}

#[tokio::test]
async fn what_makes_no_sense_is_answered_in_the_one_form_of_errors() {
    let caller = Caller::new().await;
    let raw = |method: &str, path: &str, content_type: &str, body: String| {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .unwrap()
    };
    let json = "application/json";
    let cases = [
        (raw("GET", "/v1/nowhere", json, String::new()), 404, "NotFound"),
        (raw("PATCH", "/v1/instances", json, String::new()), 405, "MethodNotAllowed"),
        (raw("POST", "/v1/instances", json, "{".into()), 400, "InvalidParameterValue"),
        (raw("POST", "/v1/instances", json, r#"{"image_id": 5}"#.into()), 422, "InvalidParameterValue"),
        (raw("POST", "/v1/instances", json, r#"{"image": "ami-1"}"#.into()), 422, "InvalidParameterValue"),
        (raw("POST", "/v1/instances", "text/plain", "{}".into()), 415, "InvalidParameterValue"),
        (raw("POST", "/v1/instances", json, " ".repeat(300 * 1024)), 413, "RequestEntityTooLarge"),
        (raw("GET", "/v1/instances?sate=running", json, String::new()), 400, "InvalidParameterValue"),
        (raw("GET", "/v1/instances?state=walking", json, String::new()), 400, "InvalidParameterValue"),
        (raw("GET", "/v1/instances/%ff", json, String::new()), 400, "InvalidParameterValue"),
        (raw("GET", "/v1/instances/nonsense", json, String::new()), 400, "InvalidInstanceID.Malformed"),
    ];
    for (request, status, expected) in cases {
        let what = format!("{} {}", request.method(), request.uri());
        let (got, body) = caller.send(request).await;
        assert_eq!((got.as_u16(), code(&body)), (status, expected), "{what}: {body}");
    }
}
