//! A hostile guest harms itself alone.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::service::{ONE, Service, TWO};

const ID: &str = "/latest/meta-data/instance-id";

#[test]
fn a_guest_that_asks_without_end_is_throttled_and_its_neighbour_is_not() {
    let service = Service::start();
    let mut stream = service.connect(ONE);
    let deadline = Instant::now() + Duration::from_secs(60);
    let request = format!("GET {ID} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(100);
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("HTTP/1.1 503") {
        assert!(Instant::now() < deadline, "never throttled");
        stream.write_all(request.as_bytes()).unwrap();
        let mut buffer = [0; 64 * 1024];
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the connection stays open");
        seen.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(service.ask(TWO, "GET", ID, &[]).status, 200);
}

#[test]
fn a_guest_that_holds_connections_open_can_hold_only_so_many() {
    let service = Service::start();
    let mut held: Vec<_> = (0..200).map(|_| service.connect(ONE)).collect();
    // Those beyond the limit are closed at once: a read ends. The others wait for a request.
    for stream in &held {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    }
    let closed = |stream: &mut std::net::TcpStream| {
        matches!(stream.read(&mut [0; 1]), Ok(0)) // A reset counts neither way: it is not the service's word.
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while held.iter_mut().filter_map(|stream| closed(stream).then_some(())).count() < 200 - 32 {
        assert!(Instant::now() < deadline, "more than 32 connections are open");
    }
    assert_eq!(service.ask(TWO, "GET", ID, &[]).status, 200);
    drop(held);
    // The guest itself is served again once it lets go.
    let again = || {
        let mut stream = service.connect(ONE);
        stream.write_all(format!("GET {ID} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        bytes.starts_with(b"HTTP/1.0 200").then_some(())
    };
    while again().is_none() {
        assert!(Instant::now() < deadline, "the guest is never served again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_head_without_end_is_refused() {
    let service = Service::start();
    let mut stream = service.connect(ONE);
    let field = format!("X-Fill: {}\r\n", "x".repeat(1000));
    let head = format!("GET {ID} HTTP/1.1\r\n{}", field.repeat(60));
    // The service may close while this is still being written.
    _ = stream.write_all(head.as_bytes());
    let mut bytes = Vec::new();
    _ = stream.read_to_end(&mut bytes);
    assert!(bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&bytes));
    assert_eq!(service.get(ID).status, 200);
}

#[test]
fn a_body_is_not_read() {
    let service = Service::start();
    let mut stream = service.connect(ONE);
    let head = "PUT /latest/api/token HTTP/1.1\r\nHost: x\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\
                Content-Length: 1000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut bytes = [0; 15];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 200 OK");
}

#[test]
fn nonsense_is_answered_or_closed() {
    let service = Service::start();
    for text in ["\0\0\0\0", "SSH-2.0-x\r\n\r\n", "GET\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = service.connect(ONE);
        stream.write_all(text.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut bytes = Vec::new();
        _ = stream.read_to_end(&mut bytes);
        assert!(!bytes.starts_with(b"HTTP/1.1 200"), "{text:?}");
    }
    assert_eq!(service.get(ID).status, 200);
}
