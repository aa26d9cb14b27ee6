//! Files.

use std::fs;

use cumulet_agent_protocol::files::Facts;
use cumulet_agent_protocol::{AgentMessage, ClientMessage, Command, Entry, FailureCode, Get, Put};
use tempfile::TempDir;

use crate::client::Client;

fn put(path: &str) -> Command {
    Command::Put(Put { path: path.into(), owner: None })
}

fn get(path: &str) -> Command {
    Command::Get(Get { path: path.into() })
}

fn file(name: &str) -> ClientMessage {
    ClientMessage::Entry(Entry::File(Facts { name: name.into(), mode: 0o640, modified: 5 }))
}

#[test]
fn a_file_goes_in_and_comes_out() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("f").to_str().unwrap().to_owned();
    let data: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    let mut client = Client::asking(put(&path));
    assert_eq!(client.hear(), AgentMessage::Ready);
    client.say(&file("other"));
    client.send(&data);
    client.say(&ClientMessage::End);
    let AgentMessage::Copied(copied) = client.hear() else { panic!() };
    assert_eq!((copied.entries, copied.bytes), (1, 200_000));
    assert_eq!(fs::read(&path).unwrap(), data);

    let mut client = Client::asking(get(&path));
    assert_eq!(client.hear(), AgentMessage::Ready);
    let AgentMessage::Entry(Entry::File(facts)) = client.hear() else { panic!() };
    assert_eq!((facts.name.as_str(), facts.mode, facts.modified), ("f", 0o640, 5));
    let (got, _, end) = client.collect();
    assert_eq!((got, end), (data, AgentMessage::End));
    assert!(matches!(client.hear(), AgentMessage::Copied(_)));
}

#[test]
fn a_directory_comes_out_whole() {
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("d/sub")).unwrap();
    fs::write(dir.path().join("d/sub/f"), "text").unwrap();
    let mut client = Client::asking(get(dir.path().join("d").to_str().unwrap()));
    let mut told = Vec::new();
    loop {
        match client.hear() {
            AgentMessage::Copied(copied) => break assert_eq!((copied.entries, copied.bytes), (3, 4)),
            AgentMessage::Entry(Entry::Directory(facts) | Entry::File(facts)) => told.push(facts.name),
            AgentMessage::Entry(Entry::Up) => told.push("..".into()),
            AgentMessage::Ready | AgentMessage::End => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, ["d", "sub", "f", "..", ".."]);
}

#[test]
fn what_can_not_be_is_told_before_anything_is_sent() {
    for (command, code) in [
        (get("/no/such/file"), FailureCode::NotFound),
        (get("relative"), FailureCode::Invalid),
        (get("/dev/null"), FailureCode::System),
        (put("/no/such/file"), FailureCode::NotFound),
        (put("relative"), FailureCode::Invalid),
        (
            Command::Put(Put { path: "/tmp/x".into(), owner: Some("nobody-here".into()) }),
            FailureCode::NotFound,
        ),
    ] {
        assert_eq!(Client::asking(command.clone()).failure().code, code, "{command:?}");
    }
}

#[test]
fn a_stream_that_makes_no_sense_is_refused_while_it_still_comes() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().to_str().unwrap();
    for wrong in [file("../x"), ClientMessage::End, ClientMessage::Entry(Entry::Up)] {
        let mut client = Client::asking(put(path));
        assert_eq!(client.hear(), AgentMessage::Ready);
        client.say(&wrong);
        client.send(&[0; 100_000]);
        assert_eq!(client.failure().code, FailureCode::Invalid, "{wrong:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
