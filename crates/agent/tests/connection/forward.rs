//! Forwarded connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use cumulet_agent_protocol::{AgentMessage, Channel, ClientMessage, Command, FailureCode, Forward};

use crate::client::Client;

fn to(port: u16) -> Command {
    Command::Forward(Forward { address: Ipv4Addr::LOCALHOST.into(), port })
}

#[test]
fn each_direction_ends_by_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Client::asking(to(listener.local_addr().unwrap().port()));
    assert_eq!(client.hear(), AgentMessage::Ready);
    let (mut server, _) = listener.accept().unwrap();
    client.send(b"question");
    client.say(&ClientMessage::End);
    let mut asked = String::new();
    server.read_to_string(&mut asked).unwrap();
    assert_eq!(asked, "question");
    server.write_all(b"answer").unwrap();
    drop(server);
    let (answer, _, end) = client.collect();
    assert_eq!((answer.as_slice(), end), (&b"answer"[..], AgentMessage::End));
}

#[test]
fn who_goes_takes_the_connection_along() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Client::asking(to(listener.local_addr().unwrap().port()));
    assert_eq!(client.hear(), AgentMessage::Ready);
    let (mut server, _) = listener.accept().unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_port_where_nobody_listens_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = Client::asking(to(port)).failure();
    assert_eq!(failure.code, FailureCode::System);
    assert!(failure.message.contains(&format!("127.0.0.1:{port}")), "{failure}");
}

#[test]
fn a_flood_comes_through_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Client::asking(to(listener.local_addr().unwrap().port()));
    assert_eq!(client.hear(), AgentMessage::Ready);
    let (mut server, _) = listener.accept().unwrap();
    let writer = std::thread::spawn(move || server.write_all(&vec![3; 5_000_000]).unwrap());
    let mut seen = 0;
    while let Some(frame) = client.next().filter(|frame| frame.channel == Channel::Data) {
        seen += frame.payload.len();
    }
    assert_eq!(seen, 5_000_000);
    writer.join().unwrap();
}
