//! The endpoint as seen from a socket: what stands in an answer's head, and clients that hang up.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request};
use cumulet_ec2_api::sigv4::{Presented, Signed, hex, signature, uri_encode};
use cumulet_ec2_api::{Clock, router};
use cumulet_model::state::InstanceState;
use cumulet_test_support::{TestCloud, eventually};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

async fn serve(cloud: &TestCloud, clock: Clock) -> SocketAddr {
    let app = router(cloud.cloud.clone(), clock);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await.expect("serving") });
    address
}

/// A request with this form as its body, signed with the cloud's root key.
async fn signed_request(cloud: &TestCloud, parameters: &[(&str, &str)], at: Timestamp) -> Request<String> {
    let key = cloud.cloud.root_access_key().await.expect("a root key");
    let pairs: Vec<_> =
        parameters.iter().map(|(n, v)| format!("{}={}", uri_encode(n), uri_encode(v))).collect();
    let body = pairs.join("&");
    let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let blank = "0".repeat(64);
    let claims = format!(
        "AWS4-HMAC-SHA256 Credential={}/{}/us-east-1/ec2/aws4_request, SignedHeaders=host;x-amz-date, \
         Signature={blank}",
        key.id,
        &date[..8]
    );
    let mut headers = HeaderMap::new();
    for (name, value) in [("host", "localhost"), ("x-amz-date", &date), ("authorization", &claims)] {
        headers.insert(name, HeaderValue::from_str(value).expect("a header"));
    }
    let presented = Presented::read(&headers, &[]).expect("claims");
    let signed = Signed { method: "POST", query: &[], headers: &headers, body: body.as_bytes() };
    let text = signed.string_to_sign(&presented).expect("a text to sign");
    let claims = claims.replace(&blank, &hex(&signature(&presented, &key.secret, &text)));
    headers.insert("authorization", HeaderValue::from_str(&claims).expect("a header"));
    let mut request = Request::post("/").body(body).expect("a request");
    *request.headers_mut() = headers;
    request
}

async fn send(address: SocketAddr, request: &Request<String>) -> String {
    let mut text =
        format!("POST / HTTP/1.1\r\nContent-Length: {}\r\nConnection: close\r\n", request.body().len());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().expect("a text")));
    }
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(format!("{text}\r\n{}", request.body()).as_bytes()).await.expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_what_it_is_and_which_request_it_answers() {
    let cloud = TestCloud::new().await;
    let address = serve(&cloud, Clock::system()).await;
    let parameters = [("Action", "DescribeRegions"), ("Version", "2016-11-15"), ("Colour", "red")];
    let request = signed_request(&cloud, &parameters, Timestamp::now()).await;
    let answer = send(address, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{answer}");
    assert!(head.contains("content-type: text/xml;charset=utf-8"), "{head}");
    assert!(head.contains(
        "x-cumulet-warning: describeregions does not know these parameters and ignored them: colour"
    ));
    let id =
        head.split_once("x-amzn-requestid: ").and_then(|(_, rest)| rest.get(..36)).expect("a request id");
    assert!(body.contains(&format!("<requestId>{id}</requestId>")), "{body}");
    assert!(body.contains("<DescribeRegionsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"));
}

#[tokio::test(flavor = "multi_thread")]
async fn yesterdays_request_is_no_good_today() {
    let cloud = TestCloud::new().await;
    let now = Timestamp::now();
    let address = serve(&cloud, Clock::fixed(now)).await;
    let parameters = [("Action", "DescribeRegions")];
    let fresh = signed_request(&cloud, &parameters, now).await;
    assert!(send(address, &fresh).await.starts_with("HTTP/1.1 200"));
    let stale = signed_request(&cloud, &parameters, now - SignedDuration::from_hours(24)).await;
    let answer = send(address, &stale).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("<Code>RequestExpired</Code>"), "{answer}");
}

/// The server drops what it was doing for a connection when the connection ends.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_is_done_also_when_the_client_hangs_up() {
    let cloud = TestCloud::new().await;
    let image = cloud.image().await;
    let app = router(cloud.cloud.clone(), Clock::system());
    let parameters =
        [("Action", "RunInstances"), ("ImageId", image.id.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    for _ in 0..10 {
        let request = signed_request(&cloud, &parameters, Timestamp::now()).await.map(Body::from);
        let answer = tokio::time::timeout(Duration::ZERO, app.clone().oneshot(request)).await;
        assert!(answer.is_err(), "the answer was given up before it was there");
    }
    eventually("all ten instances run", || async {
        let instances = cloud.cloud.instances().await.expect("instances");
        let running = instances.iter().filter(|instance| instance.state == InstanceState::Running).count();
        (running == 10).then_some(())
    })
    .await;
}
