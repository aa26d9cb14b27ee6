//! Streams into a guest, by the socket on which its VMM takes them: `CONNECT <port>\n` is said, and `OK <host port>\n`
//! comes once the guest has agreed. A VMM may be in its guest's hands, so the wait and the line are bounded.

use std::io;
use std::time::Duration;

use cumulet_ports::guest::BoxedGuestStream;
use cumulet_vmm_protocol::rundir::VSOCK_SOCKET;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::SupervisorError;
use crate::machine::Machine;
use crate::socket;

/// The longest answer, its end included.
const MAX_LINE: usize = 32;

/// Connects to a port of the guest; none where nobody listens there, or nobody answers within `limit`.
pub async fn connect(
    machine: &Machine,
    port: u32,
    limit: Duration,
) -> Result<Option<BoxedGuestStream>, SupervisorError> {
    let path = machine.dir.path().join(VSOCK_SOCKET);
    let connected = timeout(limit, socket::connect(&path, machine.process.pid())).await;
    let stream = match connected.unwrap_or_else(|_| Err(io::ErrorKind::ConnectionRefused.into())) {
        Ok(stream) => stream,
        // A machine of before there was such a socket, or one that takes no connections.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(SupervisorError::io("reach a guest's socket")(error)),
    };
    match timeout(limit, greet(stream, port)).await {
        Err(_) => Ok(None),
        Ok(greeted) => Ok(greeted
            .map_err(SupervisorError::io("connect to a guest"))?
            .map(|stream| Box::new(stream) as _)),
    }
}

async fn greet(mut stream: UnixStream, port: u32) -> io::Result<Option<UnixStream>> {
    if let Err(error) = stream.write_all(format!("CONNECT {port}\n").as_bytes()).await {
        return none_if_closed(error);
    }
    // What follows the line is the guest's, so it is read byte by byte.
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        match stream.read_u8().await {
            Ok(byte) if line.len() < MAX_LINE => line.push(byte),
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) => return none_if_closed(error),
        }
    }
    if line.starts_with(b"OK ") { Ok(Some(stream)) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// A connection that the guest refused is closed without a word.
fn none_if_closed<T>(error: io::Error) -> io::Result<Option<T>> {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Ok(None),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a VMM that answers so.
    async fn answered(answer: &[u8]) -> io::Result<Option<UnixStream>> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(answer).await.unwrap();
        let vmm = async move {
            let mut line = [0; 13];
            theirs.read_exact(&mut line).await.unwrap();
            assert_eq!(&line, b"CONNECT 1024\n");
        };
        tokio::join!(greet(ours, 1024), vmm).0
    }

    #[tokio::test]
    async fn only_a_guest_that_agrees_is_a_stream_and_its_first_bytes_are_kept() {
        let mut stream = answered(b"OK 1073741824\nhello").await.unwrap().unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "hello");
        assert!(answered(b"").await.unwrap().is_none());
        assert!(answered(b"OK 1").await.unwrap().is_none());
        assert!(answered(b"NO 1\n").await.is_err());
        assert!(answered(&[b'x'; 100]).await.is_err());
    }
}
