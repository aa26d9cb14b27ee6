//! One stream between the guest and a unix socket: `requested -> open -> over`. Each direction ends by itself. Flow
//! control is by credit (virtio 1.2, 5.10.6.3): the guest may have [`BUFFER`] bytes under way to the host's socket, and
//! is never sent more than it said it has room for.

use super::packet::{Header, NO_BOTH, NO_RECEIVE, NO_SEND, op};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// Bytes of the guest that wait for the host's socket to take them.
pub const BUFFER: u32 = 64 * 1024;
/// The guest is told of new room in steps of this.
const STEP: u32 = BUFFER / 4;

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The guest was asked, or is to be asked.
    Requested,
    /// Both sides agreed.
    Open,
    /// To be told to the guest and forgotten.
    Over,
}

/// What the guest is to be told.
#[derive(Debug, Default)]
struct Due {
    request: bool,
    response: bool,
    credit_update: bool,
    credit_request: bool,
    shutdown: bool,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    phase: Phase,
    due: Due,
    /// There may be something to read.
    readable: bool,
    /// Both directions of the host's socket have ended.
    hung_up: bool,
    /// Credit was asked for and not given yet.
    credit_asked: bool,
    /// From the guest, on the way to the host.
    buffer: VecDeque<u8>,
    /// Bytes the host's socket took, modulo 2^32, and how many of them the guest knows of.
    forwarded: u32,
    announced: u32,
    /// Bytes given to the guest, modulo 2^32, and what it said of its buffer.
    sent: u32,
    guest_buffer: u32,
    guest_forwarded: u32,
    /// What each side has ended, as flags of a shutdown packet.
    guest_ended: u32,
    host_ended: u32,
}

impl Connection {
    /// The host has connected and asked for a port of the guest.
    pub fn from_host(stream: UnixStream) -> Self {
        let mut connection = Self::new(stream, Phase::Requested);
        connection.due.request = true;
        connection
    }

    /// The guest asked by `request`, and the host's socket took it.
    pub fn from_guest(stream: UnixStream, request: &Header) -> Self {
        let mut connection = Self::new(stream, Phase::Open);
        connection.due.response = true;
        connection.learn_credit(request);
        connection
    }

    fn new(stream: UnixStream, phase: Phase) -> Self {
        Self {
            stream,
            phase,
            due: Due::default(),
            readable: true,
            hung_up: false,
            credit_asked: false,
            buffer: VecDeque::new(),
            forwarded: 0,
            announced: 0,
            sent: 0,
            guest_buffer: 0,
            guest_forwarded: 0,
            guest_ended: 0,
            host_ended: 0,
        }
    }

    /// Takes a packet of the guest. `port` is the host's, which a peer that asked for the connection is told.
    pub fn take(&mut self, header: &Header, data: &[u8], port: u32) {
        if self.phase == Phase::Over {
            return;
        }
        self.learn_credit(header);
        match (header.op, self.phase) {
            (op::RESPONSE, Phase::Requested) if !self.due.request => self.accept(port),
            (op::RW, Phase::Open) => self.forward(data),
            (op::CREDIT_UPDATE, _) => {}
            (op::CREDIT_REQUEST, _) => self.due.credit_update = true,
            (op::SHUTDOWN, Phase::Open) => self.guest_ends(header.flags),
            // A packet that has no place here, a second request too.
            _ => self.phase = Phase::Over,
        }
    }

    fn learn_credit(&mut self, header: &Header) {
        self.guest_buffer = header.buf_alloc;
        self.guest_forwarded = header.fwd_cnt;
        self.credit_asked &= self.credit() == 0;
    }

    /// Bytes that the guest has room for.
    fn credit(&self) -> u32 {
        self.guest_buffer.saturating_sub(self.sent.wrapping_sub(self.guest_forwarded))
    }

    fn accept(&mut self, port: u32) {
        self.phase = Phase::Open;
        // The socket's buffer is empty: this is the first that is written to it.
        if self.stream.write_all(format!("OK {port}\n").as_bytes()).is_err() {
            self.phase = Phase::Over;
        }
    }

    fn forward(&mut self, data: &[u8]) {
        // Sending beyond its credit, or after it said that it would send no more, is the guest's fault.
        if self.guest_ended & NO_SEND != 0 || self.buffer.len() + data.len() > BUFFER as usize {
            self.phase = Phase::Over;
            return;
        }
        let mut rest = data;
        if self.buffer.is_empty() {
            let written = self.write(data);
            rest = &data[written.min(data.len())..];
        }
        self.buffer.extend(rest);
    }

    /// Writes to the host's socket and counts it; what a socket that takes no more can't have is as good as written.
    fn write(&mut self, data: &[u8]) -> usize {
        let count = if self.host_ended & NO_RECEIVE != 0 {
            data.len()
        } else {
            match write_some(&mut self.stream, data) {
                Ok(count) => count,
                Err(_) => {
                    self.host_ends(NO_RECEIVE);
                    data.len()
                }
            }
        };
        self.forwarded = self.forwarded.wrapping_add(count as u32);
        self.due.credit_update |= self.forwarded.wrapping_sub(self.announced) >= STEP;
        count
    }

    /// The host's socket takes bytes again.
    pub fn flush(&mut self) {
        loop {
            let (front, _) = self.buffer.as_slices();
            if front.is_empty() {
                break;
            }
            let front = front.to_vec();
            let count = self.write(&front);
            self.buffer.drain(..count);
            if count < front.len() {
                return;
            }
        }
        self.end_what_is_flushed();
    }

    fn guest_ends(&mut self, flags: u32) {
        self.guest_ended |= flags & NO_BOTH;
        if self.guest_ended & NO_RECEIVE != 0 {
            self.readable = false;
            let _ = self.stream.shutdown(Shutdown::Read);
        }
        if self.buffer.is_empty() {
            self.end_what_is_flushed();
        }
    }

    fn end_what_is_flushed(&mut self) {
        if self.guest_ended & NO_SEND != 0 {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        if self.guest_ended == NO_BOTH && self.phase == Phase::Open {
            self.phase = Phase::Over;
        }
    }

    fn host_ends(&mut self, flags: u32) {
        self.due.shutdown |= self.host_ended | flags != self.host_ended;
        self.host_ended |= flags;
    }

    /// The host's socket has something to read, or has ended where `hung_up`.
    pub fn wake(&mut self, hung_up: bool) {
        self.readable |= self.guest_ended & NO_RECEIVE == 0;
        self.hung_up |= hung_up;
        if self.hung_up && self.phase == Phase::Requested {
            self.phase = Phase::Over;
        }
        if self.hung_up && !self.readable {
            self.host_ends(NO_BOTH);
        }
    }

    /// Whether the guest was never told of this connection: then it need not be told of its end.
    pub fn is_unknown_to_guest(&self) -> bool {
        self.due.request
    }

    /// Whether this is its end.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The next packet for the guest: its kind and flags, and how many bytes of `data` go with it. Without data there
    /// is no data packet.
    pub fn next(&mut self, data: &mut [u8]) -> Option<(u16, u32, usize)> {
        if self.phase == Phase::Over {
            return Some((op::RST, 0, 0));
        }
        if std::mem::take(&mut self.due.request) {
            return Some((op::REQUEST, 0, 0));
        }
        if std::mem::take(&mut self.due.response) {
            return Some((op::RESPONSE, 0, 0));
        }
        if let Some(count) = self.read(data) {
            return Some((op::RW, 0, count));
        }
        if std::mem::take(&mut self.due.credit_update) {
            return Some((op::CREDIT_UPDATE, 0, 0));
        }
        if std::mem::take(&mut self.due.credit_request) {
            return Some((op::CREDIT_REQUEST, 0, 0));
        }
        std::mem::take(&mut self.due.shutdown).then_some((op::SHUTDOWN, self.host_ended, 0))
    }

    /// What a header of this connection says of the host's buffer; the guest knows it then.
    pub fn announce(&mut self) -> (u32, u32) {
        self.announced = self.forwarded;
        self.due.credit_update = false;
        (BUFFER, self.forwarded)
    }

    fn read(&mut self, data: &mut [u8]) -> Option<usize> {
        if !self.readable || self.phase != Phase::Open || data.is_empty() {
            return None;
        }
        let credit = self.credit();
        if credit == 0 {
            self.due.credit_request |= !std::mem::replace(&mut self.credit_asked, true);
            return None;
        }
        let room = data.len().min(credit as usize);
        match read_some(&mut self.stream, &mut data[..room]) {
            Ok(0) => {
                self.readable = false;
                self.host_ends(if self.hung_up { NO_BOTH } else { NO_SEND });
                None
            }
            Ok(count) => {
                self.sent = self.sent.wrapping_add(count as u32);
                Some(count)
            }
            Err(error) => {
                self.readable = false;
                if error.kind() != ErrorKind::WouldBlock {
                    self.host_ends(NO_BOTH);
                }
                None
            }
        }
    }
}

fn read_some(stream: &mut UnixStream, data: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(data) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Writes what the socket takes now.
fn write_some(stream: &mut UnixStream, data: &[u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < data.len() {
        match stream.write(&data[done..]) {
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
