//! A caller of the API whose every answer is held against the OpenAPI document: the status must be listed, and the
//! body must have the listed schema, with no property that the schema doesn't know.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use cumulet_http_api::{Door, Settings, router};
use cumulet_test_support::TestCloud;
use serde_json::Value;
use tower::ServiceExt;

use crate::schema;

/// A cloud with its API.
pub struct Caller {
    pub test: TestCloud,
    pub router: Router,
    pub document: Value,
}

pub fn settings() -> Settings {
    Settings { version: "1.2.3".into(), ec2_endpoint_url: Some("http://127.0.0.1:8773".into()) }
}

impl Caller {
    /// By the unix socket's door.
    pub async fn new() -> Self {
        Self::by(Door::UnixSocket).await
    }

    pub async fn by(door: Door) -> Self {
        let test = TestCloud::new().await;
        let router = router(test.cloud.clone(), settings(), door);
        let document = serde_json::to_value(cumulet_http_api::document()).unwrap();
        Self { test, router, document }
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Calls, checks the answer against the document, and gives it.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = Request::builder().method(&method).uri(path).header(header::HOST, "localhost");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (status, value) = self.send(request.body(Body::from(body)).unwrap()).await;
        schema::check_answer(&self.document, &method, path, status, &value);
        (status, value)
    }

    /// Sends a request as it is; an empty body is `null`.
    pub async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap();
        let value = match bytes.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&bytes).expect("every body is JSON"),
        };
        (status, value)
    }
}

/// The code of an error, whose form is checked.
pub fn code(value: &Value) -> &str {
    assert!(value["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{value}");
    value["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {value}"))
}
