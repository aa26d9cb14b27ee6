//! The hop limit is the IP time to live of a token's packets, and of no others. The packets are read by a raw socket.

use std::io::{Read, Write};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::service::{ONE, Service};

const TOKEN: &str =
    "PUT /latest/api/token HTTP/1.1\r\nHost: x\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n";
const GET: &str = "GET /latest/meta-data/ HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sends requests one after the other on one connection and gives the TTL of each answer's packet. None where this
/// process may not read packets.
fn ttls(service: &Service, requests: &[&str]) -> Option<Vec<u8>> {
    let mut packets = match Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP)) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            eprintln!("skipped: packets can't be read without CAP_NET_RAW");
            return None;
        }
        socket => socket.unwrap(),
    };
    packets.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut stream = service.connect(ONE);
    let ports =
        [service.address.port().to_be_bytes(), stream.local_addr().unwrap().port().to_be_bytes()].concat();
    let answers = requests.iter().map(|request| {
        stream.write_all(request.as_bytes()).unwrap();
        assert!(stream.read(&mut [0; 16 * 1024]).unwrap() > 0);
        ttl_of_answer(&mut packets, &ports)
    });
    Some(answers.collect())
}

/// Reads packets up to one that begins an answer.
fn ttl_of_answer(packets: &mut Socket, ports: &[u8]) -> u8 {
    loop {
        let mut packet = [0; 64 * 1024];
        let length = packets.read(&mut packet).expect("the answer's packet comes");
        let packet = &packet[..length];
        let tcp = &packet[usize::from(packet[0] & 0xf) * 4..];
        if tcp.len() < 20 || !tcp.starts_with(ports) {
            continue;
        }
        let payload = &tcp[usize::from(tcp[12] >> 4) * 4..];
        if payload.starts_with(b"HTTP/1.1 200") {
            return packet[8];
        }
    }
}

#[test]
fn a_token_goes_as_far_as_the_instance_allows_and_all_else_as_usual() {
    let service = Service::start();
    for limit in [1, 2, 64] {
        service.change(|facts| facts.instance.metadata_options.hop_limit = limit);
        let Some(seen) = ttls(&service, &[GET, TOKEN]) else { return };
        assert_eq!(seen, [64, limit]);
    }
}

#[test]
fn a_connection_ends_with_its_token() {
    let service = Service::start();
    let mut stream = service.connect(ONE);
    stream.write_all(format!("{TOKEN}{GET}").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(
        text.matches("HTTP/1.1").count(),
        1,
        "nothing else is sent with the token's hop limit: {text}"
    );
}
