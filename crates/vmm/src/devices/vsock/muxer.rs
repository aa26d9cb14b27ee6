//! All connections of a guest: finds the one a packet is for, and gives the next packet for the guest, each connection
//! in its turn. Connections, and refusals that wait to be told, are bounded.

use super::connection::Connection;
use super::handshake::{Handshake, Progress};
use super::packet::{HOST_CID, Header, STREAM, op};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};

/// Most connections at once, those whose port is not known yet included.
pub const MAX_CONNECTIONS: usize = 512;
/// Most refusals that wait for room in the guest's queue. The guest's packets wait while there are more.
pub const MAX_REFUSALS: usize = 1024;
/// Marks the listener among events.
const LISTENER: u64 = u64::MAX;
/// Connections taken in one turn.
const TURN: usize = 32;
/// Host ports of connections that the host began: above those that services use.
const FIRST_PORT: u32 = 1 << 30;

/// Host port and guest port.
type Key = (u32, u32);

#[derive(Debug)]
enum Slot {
    Handshake(Handshake),
    Connection(Connection, Key, bool),
}

/// Counters of a [`Muxer`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connections made, by either side.
    pub connections: u64,
    /// Connections and packets refused.
    pub refused: u64,
    /// Bytes given to the guest.
    pub rx_bytes: u64,
    /// Bytes of the guest.
    pub tx_bytes: u64,
}

/// The connections.
#[derive(Debug)]
pub struct Muxer {
    guest_cid: u64,
    /// Guest connections to port `P` go to this path with `_P` behind it.
    path: PathBuf,
    listener: UnixListener,
    epoll: Epoll,
    slots: Vec<Option<Slot>>,
    by_key: HashMap<Key, usize>,
    /// Connections that may have a packet for the guest, in their turn.
    ready: VecDeque<usize>,
    refusals: VecDeque<Header>,
    next_port: u32,
    counts: Counts,
}

impl Muxer {
    /// For a guest with the address `guest_cid`; takes the host's connections from `listener`.
    pub fn new(guest_cid: u64, path: PathBuf, listener: UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let epoll = Epoll::new()?;
        epoll.ctl(ControlOperation::Add, listener.as_raw_fd(), EpollEvent::new(EventSet::IN, LISTENER))?;
        Ok(Self {
            guest_cid,
            path,
            listener,
            epoll,
            slots: Vec::new(),
            by_key: HashMap::new(),
            ready: VecDeque::new(),
            refusals: VecDeque::new(),
            next_port: FIRST_PORT,
            counts: Counts::default(),
        })
    }

    /// Counters.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Ends all connections: the driver began anew. Those that the host has not finished to ask for stay.
    pub fn reset(&mut self) {
        for slot in &mut self.slots {
            if matches!(slot, Some(Slot::Connection(..))) {
                *slot = None;
            }
        }
        self.by_key.clear();
        self.ready.clear();
        self.refusals.clear();
    }

    /// Serves what happened on the host's side, without waiting.
    pub fn serve(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::default(); 64];
        let count = self.epoll.wait(0, &mut events)?;
        for event in &events[..count] {
            match event.data() {
                LISTENER => self.accept(),
                index => self.serve_slot(index as usize, event.event_set()),
            }
        }
        Ok(())
    }

    fn accept(&mut self) {
        for _ in 0..TURN {
            // Gone again, or no descriptor left: the peer sees it.
            let Ok((stream, _)) = self.listener.accept() else { return };
            let index = self.free_slot().or_else(|| self.evict_handshake());
            let (Some(index), Ok(())) = (index, stream.set_nonblocking(true)) else {
                self.counts.refused += 1;
                continue;
            };
            if self.watch(&stream, index).is_ok() {
                self.slots[index] = Some(Slot::Handshake(Handshake::new(stream)));
            }
        }
    }

    fn free_slot(&mut self) -> Option<usize> {
        if let Some(index) = self.slots.iter().position(Option::is_none) {
            return Some(index);
        }
        (self.slots.len() < MAX_CONNECTIONS).then(|| {
            self.slots.push(None);
            self.slots.len() - 1
        })
    }

    /// Makes room at the cost of a peer that has not said what it wants.
    fn evict_handshake(&mut self) -> Option<usize> {
        self.slots.iter().position(|slot| matches!(slot, Some(Slot::Handshake(_))))
    }

    fn watch(&self, stream: &UnixStream, index: usize) -> io::Result<()> {
        let events = EventSet::IN | EventSet::OUT | EventSet::READ_HANG_UP | EventSet::EDGE_TRIGGERED;
        self.epoll.ctl(ControlOperation::Add, stream.as_raw_fd(), EpollEvent::new(events, index as u64))
    }

    fn serve_slot(&mut self, index: usize, events: EventSet) {
        match self.slots.get_mut(index).and_then(Option::as_mut) {
            Some(Slot::Handshake(handshake)) => match handshake.go_on() {
                Progress::Waiting => {}
                Progress::Failed => self.slots[index] = None,
                Progress::Port(port) => self.begin(index, port),
            },
            Some(Slot::Connection(connection, ..)) => {
                connection.wake(events.contains(EventSet::HANG_UP));
                if events.contains(EventSet::OUT) {
                    connection.flush();
                }
                if connection.is_over() && connection.is_unknown_to_guest() {
                    return self.forget(index);
                }
                self.make_ready(index);
            }
            None => {}
        }
    }

    /// A host's connection has said its port.
    fn begin(&mut self, index: usize, guest_port: u32) {
        let Some(Slot::Handshake(handshake)) = self.slots[index].take() else { return };
        let key = (self.free_port(guest_port), guest_port);
        self.insert(index, key, Connection::from_host(handshake.stream));
    }

    fn free_port(&mut self, guest_port: u32) -> u32 {
        // There are far fewer connections than ports.
        loop {
            let port = self.next_port;
            self.next_port = if port == u32::MAX - 1 { FIRST_PORT } else { port + 1 };
            if !self.by_key.contains_key(&(port, guest_port)) {
                return port;
            }
        }
    }

    fn insert(&mut self, index: usize, key: Key, connection: Connection) {
        self.slots[index] = Some(Slot::Connection(connection, key, false));
        self.by_key.insert(key, index);
        self.counts.connections += 1;
        self.make_ready(index);
    }

    fn make_ready(&mut self, index: usize) {
        if let Some(Some(Slot::Connection(_, _, ready))) = self.slots.get_mut(index)
            && !std::mem::replace(ready, true)
        {
            self.ready.push_back(index);
        }
    }

    fn forget(&mut self, index: usize) {
        if let Some(Slot::Connection(_, key, _)) = self.slots[index].take() {
            self.by_key.remove(&key);
        }
        self.ready.retain(|other| *other != index);
    }

    /// Whether so many packets of the guest can be taken: each may lead to a refusal.
    pub fn has_room(&self, packets: usize) -> bool {
        self.refusals.len() + packets <= MAX_REFUSALS
    }

    /// Takes a packet of the guest.
    pub fn take(&mut self, header: &Header, data: &[u8]) {
        if header.src_cid != self.guest_cid || header.dst_cid != HOST_CID {
            // There is nobody else, and nobody to tell that.
            self.counts.refused += 1;
            return;
        }
        let key = (header.dst_port, header.src_port);
        let found = self.by_key.get(&key).copied();
        match (found, header.op) {
            _ if header.kind != STREAM => self.refuse(header),
            (Some(index), op::RST) => self.forget(index),
            (None, op::RST) => {}
            (Some(index), _) => {
                if let Some(Some(Slot::Connection(connection, ..))) = self.slots.get_mut(index) {
                    connection.take(header, data, key.0);
                    self.counts.tx_bytes += data.len() as u64;
                    self.make_ready(index);
                }
            }
            (None, op::REQUEST) => self.connect(key, header),
            (None, _) => self.refuse(header),
        }
    }

    /// The guest asks for a port of the host.
    fn connect(&mut self, key: Key, request: &Header) {
        let index = self.free_slot().or_else(|| self.evict_handshake());
        let Some(index) = index else { return self.refuse(request) };
        let connected = dial(&self.path, key.0).and_then(|stream| {
            self.slots[index] = None;
            self.watch(&stream, index).map(|()| stream)
        });
        match connected {
            Ok(stream) => self.insert(index, key, Connection::from_guest(stream, request)),
            Err(_) => self.refuse(request),
        }
    }

    fn refuse(&mut self, header: &Header) {
        self.counts.refused += 1;
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push_back(header.refusal());
        }
    }

    /// The next packet for the guest; its data goes to `data`.
    pub fn next(&mut self, data: &mut [u8]) -> Option<Header> {
        if let Some(refusal) = self.refusals.pop_front() {
            return Some(refusal);
        }
        while let Some(index) = self.ready.pop_front() {
            let Some(Some(Slot::Connection(connection, key, ready))) = self.slots.get_mut(index) else {
                continue;
            };
            *ready = false;
            let Some((op, flags, length)) = connection.next(data) else { continue };
            let (buf_alloc, fwd_cnt) = connection.announce();
            let header = Header {
                src_cid: HOST_CID,
                dst_cid: self.guest_cid,
                src_port: key.0,
                dst_port: key.1,
                length: length as u32,
                kind: STREAM,
                op,
                flags,
                buf_alloc,
                fwd_cnt,
            };
            self.counts.rx_bytes += length as u64;
            if op == op::RST {
                self.forget(index)
            } else {
                self.make_ready(index)
            }
            return Some(header);
        }
        None
    }
}

/// Connects to what listens for `port`; not blocking, also while it connects.
fn dial(path: &std::path::Path, port: u32) -> io::Result<UnixStream> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("_{port}"));
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(name.as_os_str())?)?;
    Ok(socket.into())
}

impl AsRawFd for Muxer {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}
