//! The client against servers that misbehave.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::*;

/// Answers one connection with these bytes, then keeps it open until the client goes.
fn serve(answer: Vec<u8>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        _ = stream.read(&mut request);
        _ = stream.write_all(&answer);
        _ = stream.read(&mut request);
    });
    Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap()
}

fn get(url: &Url) -> Result<Response, HttpError> {
    Request { method: "GET", url, headers: &[], limit: 1000, timeout: Duration::from_secs(2) }.send()
}

#[test]
fn an_answer_with_a_length_needs_no_end_of_connection() {
    let url = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi".to_vec());
    let response = get(&url).unwrap();
    assert_eq!(
        (response.status, response.body.as_slice(), response.header("x-a")),
        (200, &b"hi"[..], Some("b"))
    );
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    assert!(matches!(get(&serve(Vec::new())), Err(HttpError::TooSlow { .. })));
}

#[test]
fn a_server_that_says_too_much_is_given_up() {
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(200_000, b'x');
    assert!(matches!(get(&serve(endless)), Err(HttpError::TooLarge { limit: 1000, .. })));
}

#[test]
fn nobody_there_is_a_failed_connection() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    assert!(matches!(get(&url), Err(HttpError::Connection { .. })));
}
