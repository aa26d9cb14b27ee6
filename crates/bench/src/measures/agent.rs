//! Talks to the agent in a guest through its VMM's unix socket, which ours and Firecracker's speak alike.

use crate::error::{BenchError, Result};
use crate::machine::{LIMIT, Running, ms_since};
use cumulet_agent_protocol::{AgentMessage, ClientMessage, Command, Decoder, Frame, PORT, Request};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Asks until the agent has answered; gives the milliseconds since the process began.
pub fn greet(machine: &Running) -> Result<f64> {
    let began = Instant::now();
    loop {
        match hello(machine) {
            Ok(()) => return Ok(ms_since(machine.began)),
            Err(error) if began.elapsed() > LIMIT => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn hello(machine: &Running) -> Result<()> {
    let mut stream = UnixStream::connect(machine.vsock()).map_err(BenchError::io("connect to the guest"))?;
    let failed = || BenchError::io("talk to the agent");
    stream.set_read_timeout(Some(LIMIT)).map_err(failed())?;
    stream.write_all(format!("CONNECT {PORT}\n").as_bytes()).map_err(failed())?;
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).map_err(failed())?;
        line.extend(byte);
    }
    let silly = |_| BenchError::Machine("the agent's answer can't be read".to_owned());
    let request = ClientMessage::Request(Request::new(Command::Hello));
    let frame = Frame::message(&request).and_then(|frame| frame.encode()).map_err(silly)?;
    stream.write_all(&frame).map_err(failed())?;
    let (mut decoder, mut buffer) = (Decoder::default(), [0; 4096]);
    loop {
        if let Some(frame) = decoder.next_frame().map_err(silly)? {
            return match frame.read_message::<AgentMessage>().map_err(silly)? {
                AgentMessage::Hello(_) => Ok(()),
                _ => Err(BenchError::Machine("the agent did not greet".to_owned())),
            };
        }
        match stream.read(&mut buffer).map_err(failed())? {
            0 => return Err(BenchError::Machine("the agent hung up".to_owned())),
            count => decoder.feed(&buffer[..count]),
        }
    }
}
