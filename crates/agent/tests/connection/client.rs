//! The client: one connection to an agent of its own.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use cumulet_agent_protocol::{
    AgentMessage, Channel, ClientMessage, Command, Decoder, Exec, Failure, Frame, Request,
};

pub struct Client {
    stream: UnixStream,
    decoder: Decoder,
}

impl Client {
    pub fn new() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || cumulet_agent::serve(theirs));
        ours.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream: ours, decoder: Decoder::default() }
    }

    /// A client that has asked.
    pub fn asking(command: Command) -> Self {
        let mut client = Self::new();
        client.say(&ClientMessage::Request(Request::new(command)));
        client
    }

    pub fn exec(exec: Exec) -> Self {
        let mut client = Self::asking(Command::Exec(exec));
        assert!(matches!(client.hear(), AgentMessage::Started { .. }));
        client
    }

    pub fn say(&mut self, message: &ClientMessage) {
        self.raw(&Frame::message(message).unwrap().encode().unwrap());
    }

    pub fn send(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(cumulet_agent_protocol::CHUNK) {
            let frame = Frame { channel: Channel::Data, payload: chunk.to_vec() };
            self.raw(&frame.encode().unwrap());
        }
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next frame; none at the end of the connection.
    pub fn next(&mut self) -> Option<Frame> {
        let mut buffer = [0; 8192];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.decoder.feed(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next message, past all data and all that is told of room.
    pub fn hear(&mut self) -> AgentMessage {
        loop {
            let frame = self.next().expect("a message");
            if frame.channel == Channel::Message {
                match frame.read_message().unwrap() {
                    AgentMessage::Room(_) => {}
                    message => return message,
                }
            }
        }
    }

    pub fn failure(&mut self) -> Failure {
        match self.hear() {
            AgentMessage::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// All data up to a message that is none of room, with that message.
    pub fn collect(&mut self) -> (Vec<u8>, Vec<u8>, AgentMessage) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        loop {
            let frame = self.next().expect("a message");
            match frame.channel {
                Channel::Output | Channel::Data => output.extend(frame.payload),
                Channel::Errors => errors.extend(frame.payload),
                Channel::Message => match frame.read_message().unwrap() {
                    AgentMessage::Room(_) => {}
                    message => return (output, errors, message),
                },
            }
        }
    }
}

pub fn shell(script: &str) -> Exec {
    Exec { argv: vec!["sh".into(), "-c".into(), script.into()], ..Exec::default() }
}
