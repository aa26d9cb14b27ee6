//! The first line of a host's connection: `CONNECT <port>\n`. What follows it belongs to the stream, so nothing behind
//! the line is read here.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;

/// Longest line, its end included.
const MAX_LINE: usize = 32;

/// A connection that has not said its port.
#[derive(Debug)]
pub struct Handshake {
    /// The connection.
    pub stream: UnixStream,
    line: Vec<u8>,
}

/// Where the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to come.
    Waiting,
    /// The port asked for.
    Port(u32),
    /// The peer is gone or said something else.
    Failed,
}

impl Handshake {
    /// Of a new connection.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, line: Vec::new() }
    }

    /// Reads what is there.
    pub fn go_on(&mut self) -> Progress {
        loop {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(1) if byte[0] == b'\n' => {
                    return parse(&self.line).map_or(Progress::Failed, Progress::Port);
                }
                Ok(1) if self.line.len() + 1 < MAX_LINE => self.line.push(byte[0]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waiting,
                _ => return Progress::Failed,
            }
        }
    }
}

/// Reads a line without its end.
pub fn parse(line: &[u8]) -> Option<u32> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let digits = std::str::from_utf8(line).ok()?.strip_prefix("CONNECT ")?;
    // `parse` alone would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_a_port_is_a_port() {
        assert_eq!(parse(b"CONNECT 1024"), Some(1024));
        assert_eq!(parse(b"CONNECT 4294967295\r"), Some(u32::MAX));
        for line in
            [&b"CONNECT 4294967296"[..], b"CONNECT +1", b"CONNECT ", b"connect 1", b"CONNECT 1 2", b"\xff"]
        {
            assert_eq!(parse(line), None);
        }
    }

    #[test]
    fn a_line_may_come_in_pieces_and_what_follows_stays() {
        let (mut here, there) = UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        let mut handshake = Handshake::new(there);
        here.write_all(b"CONN").unwrap();
        assert_eq!(handshake.go_on(), Progress::Waiting);
        here.write_all(b"ECT 52\nhello").unwrap();
        assert_eq!(handshake.go_on(), Progress::Port(52));
        let mut rest = [0; 5];
        handshake.stream.read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"hello");
    }

    #[test]
    fn an_endless_line_is_refused() {
        let (mut here, there) = UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        here.write_all(&[b'x'; 100]).unwrap();
        assert_eq!(Handshake::new(there).go_on(), Progress::Failed);
    }
}
