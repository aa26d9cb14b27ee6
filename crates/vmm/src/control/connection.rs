//! One connection: `reading -> answering -> reading`, or `waiting` in between for an answer that has to come later.
//! It holds one request and one answer at most, so a peer can't make it grow.

use crate::run::explain;
use cumulet_vmm_protocol::fds::{self, FdQueue};
use cumulet_vmm_protocol::frame::{self, Decoder};
use cumulet_vmm_protocol::{Command, Refusal, RefusalCode, Reply, Request, Response};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use vmm_sys_util::epoll::EventSet;

/// Requests carried out in one turn, so that a peer that never stops asking leaves time for the devices.
const TURN: usize = 32;

/// What a command leads to.
#[derive(Debug)]
pub enum Answer {
    /// At once.
    Now(Result<Reply, Refusal>),
    /// At once, with descriptors.
    With(Reply, Vec<OwnedFd>),
    /// Ask again when something has changed.
    Later,
}

/// What a connection wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To be served when this happens.
    Wait(EventSet),
    /// To be closed.
    Close,
}

/// A request with the descriptors that came with it. Those that nobody takes are closed with it.
#[derive(Debug)]
pub struct Asked {
    /// What to do.
    pub command: Command,
    /// The descriptors.
    pub fds: Vec<OwnedFd>,
    /// Whether it was asked for before, and the answer had to come later.
    pub again: bool,
    /// For whoever carries it out, to know it again; 0 at first.
    pub mark: u64,
    id: u64,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    decoder: Decoder,
    received: FdQueue,
    output: Vec<u8>,
    /// They go with the first byte of `output`.
    output_fds: Vec<OwnedFd>,
    waiting: Option<Asked>,
    closing: bool,
}

impl Connection {
    /// Takes over an accepted stream.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            decoder: Decoder::default(),
            received: FdQueue::default(),
            output: Vec::new(),
            output_fds: Vec::new(),
            waiting: None,
            closing: false,
        })
    }

    /// Tells the peer why it is not served, as far as it listens.
    pub fn turn_away(mut self, refusal: Refusal) {
        self.answer(0, Err(refusal), Vec::new());
        let _ = self.flush();
    }

    /// Goes on as far as it can without waiting, and for a turn at most.
    pub fn serve(&mut self, execute: &mut dyn FnMut(&mut Asked) -> Answer) -> Next {
        let mut left = TURN;
        loop {
            match self.flush() {
                Ok(true) if self.closing => return Next::Close,
                Ok(true) => {}
                Ok(false) => return Next::Wait(EventSet::OUT),
                Err(_) => return Next::Close,
            }
            if let Some(request) = self.waiting.take() {
                if !self.execute(request, execute) {
                    return Next::Wait(EventSet::READ_HANG_UP);
                }
                continue;
            }
            if left == 0 {
                // There may be more, also in the decoder: nothing is owed, so this comes at once.
                return Next::Wait(EventSet::OUT);
            }
            match self.decoder.next_frame::<Request>() {
                Ok(Some(request)) => {
                    left -= 1;
                    self.begin(request, execute);
                }
                Ok(None) => match self.receive() {
                    Ok(0) => return Next::Close,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Next::Wait(EventSet::IN);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        self.refuse_frame(explain(&error));
                    }
                    Err(_) => return Next::Close,
                },
                Err(error) => self.refuse_frame(explain(&error)),
            }
        }
    }

    /// Whether an answer is owed that has to come later.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    fn begin(&mut self, request: Request, execute: &mut dyn FnMut(&mut Asked) -> Answer) {
        match self.received.take(request.fds) {
            Ok(fds) => {
                self.execute(
                    Asked { command: request.command, fds, again: false, mark: 0, id: request.id },
                    execute,
                );
            }
            Err(error) => self.refuse_frame(error.to_string()),
        }
    }

    fn execute(&mut self, mut asked: Asked, execute: &mut dyn FnMut(&mut Asked) -> Answer) -> bool {
        match execute(&mut asked) {
            Answer::Now(result) => self.answer(asked.id, result, Vec::new()),
            Answer::With(reply, fds) => self.answer(asked.id, Ok(reply), fds),
            Answer::Later => {
                asked.again = true;
                self.waiting = Some(asked);
                return false;
            }
        }
        true
    }

    fn refuse_frame(&mut self, message: String) {
        self.answer(0, Err(Refusal { code: RefusalCode::BadRequest, message }), Vec::new());
        self.closing = true;
    }

    fn answer(&mut self, id: u64, result: Result<Reply, Refusal>, fds: Vec<OwnedFd>) {
        debug_assert!(self.output.is_empty() && fds.len() <= fds::MAX_FDS);
        // The longest answer is a console chunk, whose bound keeps it below that of a frame.
        match frame::encode(&Response { id, fds: fds.len() as u8, result }) {
            Ok(line) => (self.output, self.output_fds) = (line, fds),
            Err(_) => self.closing = true,
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let count = fds::receive(&self.stream, &mut buffer, &mut self.received)?;
        self.decoder.feed(&buffer[..count]);
        Ok(count)
    }

    /// Writes what is owed; false when the peer has to read first.
    fn flush(&mut self) -> io::Result<bool> {
        while !self.output.is_empty() {
            let sent = if self.output_fds.is_empty() {
                self.stream.write(&self.output)
            } else {
                let descriptors: Vec<_> = self.output_fds.iter().map(AsFd::as_fd).collect();
                fds::send(&self.stream, &self.output, &descriptors)
            };
            match sent {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.output.drain(..count);
                    self.output_fds.clear();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read, Seek};
    use std::os::fd::BorrowedFd;

    fn pair() -> (UnixStream, Connection) {
        let (here, there) = UnixStream::pair().unwrap();
        (here, Connection::new(there).unwrap())
    }

    fn line(stream: &UnixStream) -> String {
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }

    #[test]
    fn a_command_gets_the_descriptors_of_its_own_message() {
        let (here, mut connection) = pair();
        let file = File::open("/dev/null").unwrap();
        let stream: &[BorrowedFd<'_>] = &[file.as_fd(), file.as_fd()];
        fds::send(&here, b"{\"id\":1,\"command\":\"status\"}\n", &[]).unwrap();
        fds::send(&here, b"{\"id\":2,\"fds\":2,\"command\":\"status\"}\n", stream).unwrap();
        let mut seen = Vec::new();
        let next = connection.serve(&mut |asked| {
            seen.push(asked.fds.len());
            Answer::Now(Ok(Reply::Done))
        });
        assert_eq!((seen, next), (vec![0, 2], Next::Wait(EventSet::IN)));
    }

    #[test]
    fn an_answer_brings_descriptors_along() {
        let (here, mut connection) = pair();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"saved").unwrap();
        fds::send(&here, b"{\"id\":1,\"command\":\"status\"}\n", &[]).unwrap();
        connection.serve(&mut |_| Answer::With(Reply::Done, vec![file.try_clone().unwrap().into()]));
        let (mut queue, mut buffer) = (FdQueue::default(), [0; 200]);
        let count = fds::receive(&here, &mut buffer, &mut queue).unwrap();
        let response: Response = serde_json::from_slice(&buffer[..count]).unwrap();
        assert_eq!((response.id, response.fds), (1, 1));
        let mut got = File::from(queue.take(1).unwrap().remove(0));
        let mut text = String::new();
        got.rewind().unwrap();
        got.read_to_string(&mut text).unwrap();
        assert_eq!(text, "saved");
    }

    #[test]
    fn descriptors_that_do_not_fit_their_message_end_the_connection() {
        let (here, mut connection) = pair();
        fds::send(&here, b"{\"id\":1,\"fds\":3,\"command\":\"status\"}\n", &[]).unwrap();
        let next = connection.serve(&mut |_| panic!("not a command"));
        assert_eq!(next, Next::Close);
        assert!(line(&here).contains("comes with 3 descriptors, but 0 were sent"));
        let (here, mut connection) = pair();
        let file = File::open("/dev/null").unwrap();
        for _ in 0..2 {
            fds::send(&here, b"x", &[file.as_fd(); fds::MAX_FDS]).unwrap();
        }
        assert_eq!(connection.serve(&mut |_| panic!("not a command")), Next::Close);
        assert!(line(&here).contains("more than 32 descriptors were sent"));
    }

    #[test]
    fn a_flood_of_requests_leaves_time_for_others() {
        let (mut here, mut connection) = pair();
        let flood = b"{\"id\":1,\"command\":\"status\"}\n".repeat(3 * TURN);
        here.write_all(&flood).unwrap();
        let mut served = Vec::new();
        loop {
            let mut count = 0;
            let next = connection.serve(&mut |_| {
                count += 1;
                Answer::Now(Ok(Reply::Done))
            });
            served.push(count);
            match next {
                Next::Wait(EventSet::OUT) => {}
                Next::Wait(EventSet::IN) => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(served.iter().all(|count| *count <= TURN), "{served:?}");
        assert_eq!(served.iter().sum::<usize>(), 3 * TURN);
    }
}
