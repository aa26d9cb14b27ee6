//! A forwarded connection: the guest's side of it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use cumulet_agent_protocol::{AgentMessage, CHUNK, Channel, ClientMessage, Failure, FailureCode, Forward};

use crate::listen::STACK;
use crate::wire::{Reader, WireError, Writer};

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, then carries bytes both ways until both are at their end.
pub fn serve(to: Forward, mut reader: Reader, writer: &Writer) -> Result<(), WireError> {
    let address = SocketAddr::new(to.address, to.port);
    let stream = match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(stream) => stream,
        Err(error) => {
            let text = format!("the guest can't connect to {address}: {error}");
            writer.fail(Failure::new(FailureCode::System, text))?;
            reader.part();
            return Ok(());
        }
    };
    _ = stream.set_nodelay(true);
    writer.say(&AgentMessage::Ready)?;
    let (from, out) = (stream.try_clone()?, writer.clone());
    let back = std::thread::Builder::new().stack_size(STACK).spawn(move || carry_back(from, &out))?;
    let ended = carry_in(&stream, &mut reader);
    // The client is gone, or nobody takes what it sends: nothing more to carry either way.
    _ = stream.shutdown(Shutdown::Both);
    writer.close();
    _ = back.join();
    ended
}

/// From the client to the guest's connection, until the client is gone.
fn carry_in(mut stream: &TcpStream, reader: &mut Reader) -> Result<(), WireError> {
    while let Some(frame) = reader.next()? {
        match frame.channel {
            Channel::Data => stream.write_all(&frame.payload)?,
            _ => {
                if frame.read_message::<ClientMessage>()? == ClientMessage::End {
                    _ = stream.shutdown(Shutdown::Write);
                }
            }
        }
    }
    Ok(())
}

fn carry_back(mut stream: TcpStream, writer: &Writer) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => {
                _ = writer.say(&AgentMessage::End);
                return;
            }
            Ok(count) => {
                if writer.send(Channel::Data, &buffer[..count]).is_err() {
                    _ = stream.shutdown(Shutdown::Both);
                    return;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // Reset: so is the other side told.
            Err(_) => return writer.close(),
        }
    }
}
