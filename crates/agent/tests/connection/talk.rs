//! Greetings and misunderstandings.

use cumulet_agent_protocol::{AgentMessage, ClientMessage, Command, Exec, FailureCode, Request};

use crate::client::Client;

#[test]
fn a_greeting_says_who_is_there() {
    let AgentMessage::Hello(greeting) = Client::asking(Command::Hello).hear() else { panic!() };
    assert_eq!((greeting.version, greeting.agent.as_str()), (1, env!("CARGO_PKG_VERSION")));
    assert!(!greeting.boot_id.is_empty() && !greeting.hostname.is_empty());
}

#[test]
fn a_greeting_is_answered_in_every_version_and_nothing_else_is() {
    let mut client = Client::new();
    client.say(&ClientMessage::Request(Request { version: 99, command: Command::Hello }));
    assert!(matches!(client.hear(), AgentMessage::Hello(_)));
    let mut client = Client::new();
    let command = Command::Exec(Exec { argv: vec!["true".into()], ..Exec::default() });
    client.say(&ClientMessage::Request(Request { version: 99, command }));
    assert_eq!(client.failure().code, FailureCode::Version);
}

#[test]
fn nonsense_is_refused_with_a_reason_or_cut_off() {
    let mut client = Client::new();
    client.say(&ClientMessage::End);
    assert_eq!(client.failure().code, FailureCode::Invalid);
    let mut client = Client::new();
    client.raw(b"\0\0\0\x02{}");
    assert_eq!(client.failure().code, FailureCode::Invalid);
    let mut client = Client::new();
    client.raw(b"\0\0\0\x35{\"request\":{\"version\":1,\"command\":{\"of-tomorrow\":{}}}}");
    assert_eq!(client.failure().code, FailureCode::Invalid);
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\xff\0\0\0", b"\0\xff\xff\xff"] {
        let mut client = Client::new();
        client.raw(bytes);
        assert!(client.next().is_none());
    }
}
