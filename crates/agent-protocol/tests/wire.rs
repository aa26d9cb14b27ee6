//! The wire's form, written out: an agent is as old as its image, so these lines never change, they are only added to.

use cumulet_agent_protocol::{
    AgentMessage, ClientMessage, Command, Copied, Entry, Exec, Exit, Failure, FailureCode, Forward, Get,
    HostKey, HostKeys, Identity, IdentityDone, Interface, Put, Request, Room, Route, Signal, TerminalSize,
    WallClock, files::Facts,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

#[track_caller]
fn is<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T, wire: serde_json::Value) {
    assert_eq!(serde_json::to_value(&value).unwrap(), wire);
    assert_eq!(serde_json::from_value::<T>(wire).unwrap(), value);
}

fn request(command: Command) -> ClientMessage {
    ClientMessage::Request(Request::new(command))
}

#[test]
fn what_a_client_says() {
    is(request(Command::Hello), json!({"request": {"version": 1, "command": "hello"}}));
    let exec = Exec {
        argv: vec!["ls".into()],
        env: [("A".to_owned(), "b".to_owned())].into(),
        cwd: Some("/".into()),
        user: Some("debian".into()),
        terminal: Some(TerminalSize { columns: 80, rows: 24 }),
        stdin: true,
    };
    let wire = json!({"request": {"version": 1, "command": {"exec": {
        "argv": ["ls"], "env": {"A": "b"}, "cwd": "/", "user": "debian",
        "terminal": {"columns": 80, "rows": 24}, "stdin": true}}}});
    is(request(Command::Exec(exec)), wire);
    let get = Command::Get(Get { path: "/a".into() });
    is(request(get), json!({"request": {"version": 1, "command": {"get": {"path": "/a"}}}}));
    let put = Command::Put(Put { path: "/a".into(), owner: Some("u:g".into()) });
    is(request(put), json!({"request": {"version": 1, "command": {"put": {"path": "/a", "owner": "u:g"}}}}));
    let forward = Command::Forward(Forward { address: [127, 0, 0, 1].into(), port: 22 });
    let wire =
        json!({"request": {"version": 1, "command": {"forward": {"address": "127.0.0.1", "port": 22}}}});
    is(request(forward), wire);
    is(ClientMessage::Signal(Signal { number: 15 }), json!({"signal": {"number": 15}}));
    is(
        ClientMessage::Resize(TerminalSize { columns: 1, rows: 2 }),
        json!({"resize": {"columns": 1, "rows": 2}}),
    );
    is(ClientMessage::End, json!("end"));
    let facts = Facts { name: "f".into(), mode: 0o644, modified: 7 };
    let wire = json!({"entry": {"file": {"name": "f", "mode": 420, "modified": 7}}});
    is(ClientMessage::Entry(Entry::File(facts.clone())), wire);
    let wire = json!({"entry": {"directory": {"name": "f", "mode": 420, "modified": 7}}});
    is(ClientMessage::Entry(Entry::Directory(facts)), wire);
    let link = Entry::Link { name: "l".into(), target: "t".into() };
    is(ClientMessage::Entry(link), json!({"entry": {"link": {"name": "l", "target": "t"}}}));
    is(ClientMessage::Entry(Entry::Up), json!({"entry": "up"}));
}

#[test]
fn who_a_machine_becomes() {
    let interface = Interface {
        mac: "02:00:00:00:00:02".parse().unwrap(),
        previous_mac: Some("02:00:00:00:00:01".parse().unwrap()),
        addresses: vec!["172.31.0.5/20".parse().unwrap()],
        routes: vec![Route {
            destination: "0.0.0.0/0".parse().unwrap(),
            gateway: Some([172, 31, 0, 1].into()),
            metric: None,
        }],
    };
    let key = HostKey { kind: "ed25519".into(), private: "P".into(), public: "p".into() };
    let identity = Identity {
        instance_id: Some("i-1".into()),
        hostname: Some("ip-172-31-0-5.ec2.internal".into()),
        machine_id: Some("0123".into()),
        interfaces: vec![interface],
        host_keys: HostKeys::Replace(vec![key]),
        clock: Some(WallClock { seconds: 1, nanoseconds: 2 }),
        entropy: vec![3, 4],
    };
    assert!(!format!("{identity:?}").contains("\"P\""), "the private key is not shown");
    let wire = json!({"request": {"version": 1, "command": {"identity": {
        "instance_id": "i-1", "hostname": "ip-172-31-0-5.ec2.internal", "machine_id": "0123",
        "interfaces": [{"mac": "02:00:00:00:00:02", "previous_mac": "02:00:00:00:00:01",
            "addresses": ["172.31.0.5/20"],
            "routes": [{"destination": "0.0.0.0/0", "gateway": "172.31.0.1"}]}],
        "host_keys": {"replace": [{"kind": "ed25519", "private": "P", "public": "p"}]},
        "clock": {"seconds": 1, "nanoseconds": 2}, "entropy": [3, 4]}}}});
    is(request(Command::Identity(Box::new(identity))), wire);
    let least: Identity = serde_json::from_value(json!({})).unwrap();
    assert_eq!(least, Identity::default());
}

#[test]
fn what_an_agent_says() {
    is(AgentMessage::Started { pid: 7 }, json!({"started": {"pid": 7}}));
    is(AgentMessage::Room(Room { bytes: 9 }), json!({"room": {"bytes": 9}}));
    is(AgentMessage::Exited(Exit::Status(3)), json!({"exited": {"status": 3}}));
    is(AgentMessage::Exited(Exit::Signal(9)), json!({"exited": {"signal": 9}}));
    is(AgentMessage::Ready, json!("ready"));
    is(AgentMessage::End, json!("end"));
    let copied = Copied { entries: 1, bytes: 2, left_out: vec!["a".into()] };
    is(AgentMessage::Copied(copied), json!({"copied": {"entries": 1, "bytes": 2, "left_out": ["a"]}}));
    let failure = Failure::new(FailureCode::NotFound, "no");
    is(AgentMessage::Failed(failure), json!({"failed": {"code": "not-found", "message": "no"}}));
    let newer = serde_json::from_value(json!({"failed": {"code": "of-tomorrow", "message": "no"}})).unwrap();
    assert_eq!(AgentMessage::Failed(Failure::new(FailureCode::Other, "no")), newer);
    let done = IdentityDone { host_keys: vec!["k".into()], problems: vec!["p".into()] };
    is(AgentMessage::Identity(done), json!({"identity": {"host_keys": ["k"], "problems": ["p"]}}));
}

#[test]
fn a_signal_ends_with_the_status_that_a_shell_gives_it() {
    assert_eq!([Exit::Status(3).shell_status(), Exit::Signal(9).shell_status()], [3, 137]);
}
