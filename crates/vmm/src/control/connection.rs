//! One connection: `reading -> answering -> reading`, or `waiting` in between for an answer that has to come later.
//! It holds one request and one answer at most, so a peer can't make it grow.

use cumulet_vmm_protocol::frame::{self, Decoder, FrameError};
use cumulet_vmm_protocol::{Command, Refusal, RefusalCode, Reply, Request, Response};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use vmm_sys_util::epoll::EventSet;

/// What a command leads to.
#[derive(Debug)]
pub enum Answer {
    /// At once.
    Now(Result<Reply, Refusal>),
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

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    decoder: Decoder,
    output: Vec<u8>,
    waiting: Option<Request>,
    closing: bool,
}

impl Connection {
    /// Takes over an accepted stream.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, decoder: Decoder::default(), output: Vec::new(), waiting: None, closing: false })
    }

    /// Tells the peer why it is not served, as far as it listens.
    pub fn turn_away(mut self, refusal: Refusal) {
        self.answer(0, Err(refusal));
        let _ = self.flush();
    }

    /// Goes on as far as it can without waiting.
    pub fn serve(&mut self, execute: &mut dyn FnMut(&Command) -> Answer) -> Next {
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
            match self.decoder.next_frame::<Request>() {
                Ok(Some(request)) => drop(self.execute(request, execute)),
                Ok(None) => match self.receive() {
                    Ok(0) => return Next::Close,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Next::Wait(EventSet::IN);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return Next::Close,
                },
                Err(error) => self.refuse_frame(&error),
            }
        }
    }

    /// Whether an answer is owed that has to come later.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    fn execute(&mut self, request: Request, execute: &mut dyn FnMut(&Command) -> Answer) -> bool {
        match execute(&request.command) {
            Answer::Now(result) => {
                self.answer(request.id, result);
                true
            }
            Answer::Later => {
                self.waiting = Some(request);
                false
            }
        }
    }

    fn refuse_frame(&mut self, error: &FrameError) {
        let message = match error {
            FrameError::TooLong => error.to_string(),
            FrameError::Json(cause) => format!("{error}: {cause}"),
        };
        self.answer(0, Err(Refusal { code: RefusalCode::BadRequest, message }));
        self.closing = true;
    }

    fn answer(&mut self, id: u64, result: Result<Reply, Refusal>) {
        // The longest answer is a console chunk, whose bound keeps it below that of a frame.
        match frame::encode(&Response { id, result }) {
            Ok(line) => self.output.extend(line),
            Err(_) => self.closing = true,
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer)?;
        self.decoder.feed(&buffer[..count]);
        Ok(count)
    }

    /// Writes what is owed; false when the peer has to read first.
    fn flush(&mut self) -> io::Result<bool> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.output.drain(..count)),
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
