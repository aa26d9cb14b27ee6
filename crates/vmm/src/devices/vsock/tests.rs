//! Streams through the whole device, with a guest made of bytes; and guests that keep to no rule.

use super::connection::BUFFER;
use super::muxer::{MAX_CONNECTIONS, MAX_REFUSALS, Muxer};
use super::packet::*;
use super::{QUEUE_SIZES, Work};
use crate::devices::vsock::active::Active;
use crate::virtio::F_COMMON;
use crate::virtio::testing::*;
use proptest::prelude::*;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use tempfile::TempDir;
use vm_memory::{Bytes, GuestAddress};

const CID: u64 = 42;

struct Fixture {
    folder: TempDir,
    muxer: Muxer,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("v");
        let listener = UnixListener::bind(&path).unwrap();
        Self { muxer: Muxer::new(CID, path, listener).unwrap(), folder }
    }

    fn listen(&self, port: u32) -> UnixListener {
        UnixListener::bind(self.folder.path().join(format!("v_{port}"))).unwrap()
    }

    fn connect(&self, line: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.folder.path().join("v")).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        stream
    }

    /// A packet of the guest, from its port 7 unless `from` says another.
    fn send(&mut self, from: u32, to: u32, op: u16, flags: u32, data: &[u8]) {
        let header = Header {
            src_cid: CID,
            dst_cid: HOST_CID,
            src_port: from,
            dst_port: to,
            length: data.len() as u32,
            kind: STREAM,
            op,
            flags,
            buf_alloc: 4096,
            fwd_cnt: 0,
        };
        self.muxer.take(&header, data);
    }

    /// Serves the host's side and gives the next packet for the guest.
    fn next(&mut self) -> Option<(Header, Vec<u8>)> {
        self.muxer.serve().unwrap();
        let mut data = vec![0; 1000];
        let header = self.muxer.next(&mut data)?;
        data.truncate(header.length as usize);
        Some((header, data))
    }

    fn next_op(&mut self) -> Option<u16> {
        self.next().map(|(header, _)| header.op)
    }

    /// A stream that the guest asked for, to port 80 of the host.
    fn guest_stream(&mut self) -> UnixStream {
        let listener = self.listen(80);
        self.send(7, 80, op::REQUEST, 0, &[]);
        assert_eq!(self.next_op(), Some(op::RESPONSE));
        listener.accept().unwrap().0
    }
}

#[test]
fn a_host_reaches_a_port_of_the_guest() {
    let mut f = Fixture::new();
    let mut stream = f.connect("CONNECT 1024\nearly");
    // Once for the connection, once for the line.
    f.muxer.serve().unwrap();
    let (request, _) = f.next().unwrap();
    assert_eq!((request.op, request.dst_port, request.dst_cid, request.src_cid), (op::REQUEST, 1024, CID, 2));
    assert_eq!(f.next_op(), None);
    f.send(1024, request.src_port, op::RESPONSE, 0, &[]);
    assert_eq!(f.next().unwrap().1, b"early");
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, format!("OK {}\n", request.src_port));
    f.send(1024, request.src_port, op::RW, 0, b"hello host");
    let mut got = [0; 10];
    reader.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"hello host");
    stream.write_all(b"hello guest").unwrap();
    assert_eq!(f.next().unwrap().1, b"hello guest");
}

#[test]
fn a_port_where_the_guest_does_not_listen_closes_the_stream() {
    let mut f = Fixture::new();
    let mut stream = f.connect("CONNECT 1024\n");
    f.muxer.serve().unwrap();
    let (request, _) = f.next().unwrap();
    f.send(1024, request.src_port, op::RST, 0, &[]);
    assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
    assert_eq!(f.next_op(), None);
}

#[test]
fn a_guest_reaches_what_listens_on_the_host_and_nothing_else() {
    let mut f = Fixture::new();
    let mut stream = f.guest_stream();
    f.send(7, 80, op::RW, 0, b"GET /");
    let mut got = [0; 5];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"GET /");
    f.send(8, 81, op::REQUEST, 0, &[]);
    let (refusal, _) = f.next().unwrap();
    assert_eq!((refusal.op, refusal.src_port, refusal.dst_port), (op::RST, 81, 8));
}

#[test]
fn each_direction_ends_by_itself() {
    let mut f = Fixture::new();
    let mut stream = f.guest_stream();
    f.send(7, 80, op::RW, 0, b"question");
    f.send(7, 80, op::SHUTDOWN, NO_SEND, &[]);
    let mut question = String::new();
    stream.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    stream.write_all(b"answer").unwrap();
    assert_eq!(f.next().unwrap().1, b"answer");
    stream.shutdown(Shutdown::Write).unwrap();
    let (end, _) = f.next().unwrap();
    assert_eq!(end.op, op::SHUTDOWN);
    assert_ne!(end.flags & NO_SEND, 0);
    f.send(7, 80, op::SHUTDOWN, NO_BOTH, &[]);
    assert_eq!(f.next_op(), Some(op::RST));
    assert_eq!(f.next_op(), None);
}

#[test]
fn a_host_that_hangs_up_is_told_after_its_last_bytes() {
    let mut f = Fixture::new();
    let mut stream = f.guest_stream();
    stream.write_all(b"last words").unwrap();
    drop(stream);
    assert_eq!(f.next().unwrap().1, b"last words");
    let (end, _) = f.next().unwrap();
    assert_eq!((end.op, end.flags), (op::SHUTDOWN, NO_BOTH));
    f.send(7, 80, op::RST, 0, &[]);
    assert_eq!(f.next_op(), None);
}

#[test]
fn the_guest_is_never_sent_more_than_it_has_room_for() {
    let mut f = Fixture::new();
    let mut stream = f.guest_stream();
    stream.write_all(&[7; 10_000]).unwrap();
    let mut got = 0;
    let asked = loop {
        let (header, data) = f.next().unwrap();
        got += data.len();
        if header.op != op::RW {
            break header.op;
        }
    };
    assert_eq!((got, asked), (4096, op::CREDIT_REQUEST));
    assert_eq!(f.next_op(), None);
    let mut update =
        Header { src_cid: CID, dst_cid: 2, src_port: 7, dst_port: 80, kind: 1, ..Header::default() };
    (update.op, update.buf_alloc, update.fwd_cnt) = (op::CREDIT_UPDATE, 4096, 4096);
    f.muxer.take(&update, &[]);
    assert_eq!(f.next_op(), Some(op::RW));
}

#[test]
fn a_host_that_does_not_read_holds_the_guest_back_and_loses_nothing() {
    let mut f = Fixture::new();
    let mut stream = f.guest_stream();
    let (mut sent, mut forwarded, mut stuck) = (0u32, 0u32, 0);
    let mut data = (0..).map(|at: u32| at.wrapping_mul(31) as u8);
    while stuck < 3 {
        if sent - forwarded + 1000 <= BUFFER {
            let piece: Vec<u8> = data.by_ref().take(1000).collect();
            f.send(7, 80, op::RW, 0, &piece);
            sent += 1000;
        } else {
            stuck += 1;
        }
        while let Some((header, _)) = f.next() {
            assert_eq!(header.op, op::CREDIT_UPDATE);
            forwarded = header.fwd_cnt;
        }
    }
    stream.set_nonblocking(true).unwrap();
    let (mut got, mut buffer) = (Vec::<u8>::new(), [0; 4096]);
    while got.len() < sent as usize {
        match stream.read(&mut buffer) {
            Ok(count) => got.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                while let Some((header, _)) = f.next() {
                    forwarded = header.fwd_cnt;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(got.iter().copied().eq((0..sent).map(|at| at.wrapping_mul(31) as u8)));
    while let Some((header, _)) = f.next() {
        forwarded = header.fwd_cnt;
    }
    assert!(sent - forwarded < BUFFER / 4, "the guest knows of the room");
}

#[test]
fn a_guest_that_ignores_its_credit_loses_the_connection() {
    let mut f = Fixture::new();
    let _stream = f.guest_stream();
    for _ in 0..1000 {
        f.send(7, 80, op::RW, 0, &[1; 4096]);
    }
    let last = std::iter::from_fn(|| f.next_op()).last();
    assert_eq!(last, Some(op::RST));
}

#[test]
fn connections_and_refusals_are_bounded() {
    let mut f = Fixture::new();
    let listener = f.listen(80);
    let mut held = Vec::new();
    for port in 0..MAX_CONNECTIONS as u32 + 10 {
        f.send(port, 80, op::REQUEST, 0, &[]);
        listener.set_nonblocking(true).unwrap();
        held.extend(listener.accept().ok());
    }
    assert_eq!(held.len(), MAX_CONNECTIONS);
    for port in 0..5000 {
        if f.muxer.has_room(1) {
            f.send(port, 9, op::RW, 0, b"nobody");
        }
    }
    let refusals = std::iter::from_fn(|| f.next_op()).filter(|op| *op == op::RST).count();
    assert_eq!(refusals, MAX_REFUSALS);
}

#[test]
fn after_a_reset_no_connection_is_left() {
    let mut f = Fixture::new();
    let mut stream = f.guest_stream();
    f.muxer.reset();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(f.next_op(), None);
}

#[test]
fn many_streams_share_the_way_to_the_guest() {
    let mut f = Fixture::new();
    let listener = f.listen(80);
    let mut streams = Vec::new();
    for port in 0..50 {
        f.send(port, 80, op::REQUEST, 0, &[]);
        streams.push(listener.accept().unwrap().0);
        assert_eq!(f.next_op(), Some(op::RESPONSE));
    }
    streams.iter_mut().for_each(|stream| stream.write_all(&[1; 3000]).unwrap());
    let first: Vec<u32> = (0..50).map(|_| f.next().unwrap().0.dst_port).collect();
    assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 50, "each has its turn");
}

/// Through the rings: a header and data in, a refusal out.
#[test]
fn packets_cross_the_rings() {
    let f = Fixture::new();
    let guest = Guest::new(QUEUE_SIZES.len());
    let mut work = Work { muxer: f.muxer, active: Some(Active::new(guest.activation(F_COMMON))) };
    let header = Header {
        src_cid: CID,
        dst_cid: 2,
        src_port: 5,
        dst_port: 6,
        kind: 1,
        op: op::REQUEST,
        ..Header::default()
    };
    guest.memory.write_slice(&header.to_bytes(), GuestAddress(DATA)).unwrap();
    guest.describe(1, &[Desc { address: DATA, length: 44, flags: 0, next: 0 }]);
    guest.offer(1, &[0], 1);
    guest.describe(0, &[Desc { address: DATA + 4096, length: 4096, flags: 2, next: 0 }]);
    guest.offer(0, &[0], 1);
    work.active.as_mut().unwrap().turn(&mut work.muxer);
    assert_eq!((guest.used(1), guest.used(0)), (vec![(0, 0)], vec![(0, 44)]));
    let answer = Header::from_bytes(&guest.bytes(DATA + 4096, 44).try_into().unwrap());
    assert_eq!((answer.op, answer.src_port, answer.dst_port), (op::RST, 6, 5));
}

fn any_header() -> impl Strategy<Value = Header> {
    let cid = prop_oneof![8 => Just(CID), 4 => Just(2u64), 1 => any::<u64>()];
    let port = prop_oneof![4 => 7u32..9, 4 => Just(80u32), 2 => 1u32 << 30..(1 << 30) + 3, 1 => any::<u32>()];
    let length = prop_oneof![4 => 0u32..100, 1 => any::<u32>()];
    let kind = prop_oneof![8 => Just(1u16), 1 => any::<u16>()];
    let op = prop_oneof![8 => 0u16..9, 1 => any::<u16>()];
    let ports = (port.clone(), port);
    let credit = (any::<u32>(), any::<u32>(), any::<u32>());
    (cid, ports, length, kind, op, credit).prop_map(|(src_cid, ports, length, kind, op, credit)| Header {
        src_cid,
        dst_cid: HOST_CID,
        src_port: ports.0,
        dst_port: ports.1,
        length,
        kind,
        op,
        flags: credit.0,
        buf_alloc: credit.1,
        fwd_cnt: credit.2,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_packets_bring_the_device_down(packets in prop::collection::vec((any_header(), 0usize..300), 1..60)) {
        let mut f = Fixture::new();
        let listener = f.listen(80);
        let mut host = f.connect("CONNECT 7\ndata");
        let mut taken = Vec::new();
        listener.set_nonblocking(true).unwrap();
        for (header, length) in packets {
            f.muxer.take(&header, &vec![1; length]);
            taken.extend(listener.accept().ok());
            f.next();
        }
        for _ in 0..200 {
            f.next();
        }
        host.set_nonblocking(true).unwrap();
        let _ = host.read(&mut [0; 100]);
    }

    #[test]
    fn no_rings_bring_the_device_down(
        table in hostile_table(), (heads, index) in hostile_offer(), headers in prop::collection::vec(any_header(), 8),
    ) {
        let f = Fixture::new();
        let guest = Guest::new(QUEUE_SIZES.len());
        let mut work = Work { muxer: f.muxer, active: Some(Active::new(guest.activation(F_COMMON))) };
        for (slot, header) in headers.iter().enumerate() {
            guest.memory.write_slice(&header.to_bytes(), GuestAddress(DATA + slot as u64 * 4096)).unwrap();
        }
        for queue in 0..2 {
            guest.describe(queue, &table);
            guest.offer(queue, &heads, index);
        }
        let Work { muxer, active } = &mut work;
        for _ in 0..3 {
            active.as_mut().unwrap().turn(muxer);
        }
        active.as_mut().unwrap().tell_reset();
    }
}
