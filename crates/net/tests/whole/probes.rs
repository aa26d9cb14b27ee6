//! Many flows at once from one namespace: all are sent, then looked at until what should come through has, and for a
//! while longer for what should not.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cumulet_net::sys::NetNs;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, connect, getsockopt,
    recv, send, socket, sockopt,
};

use crate::model::{Flow, Kind};
use crate::random::PORTS;

/// What is refused is given so long to come through after all.
const REFUSAL: Duration = Duration::from_millis(900);
/// What is allowed is given so long, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(400);

/// Listens on all ports of a namespace's addresses and echoes datagrams, until dropped.
pub struct Servers {
    stop: Arc<AtomicBool>,
    _listeners: Vec<TcpListener>,
}

impl Servers {
    /// Starts them.
    pub async fn start(ns: &NetNs, addresses: Vec<IpAddr>) -> Self {
        let (listeners, echoes) = ns.run(move || open(&addresses)).await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        std::thread::spawn(move || echo(&echoes, &stopping));
        Self { stop, _listeners: listeners }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn open(addresses: &[IpAddr]) -> (Vec<TcpListener>, Vec<UdpSocket>) {
    let ends = || addresses.iter().flat_map(|address| PORTS.map(|port| SocketAddr::new(*address, port)));
    let listeners = ends().map(|end| TcpListener::bind(end).expect("listen")).collect();
    let echoes = ends().map(|end| UdpSocket::bind(end).expect("bind")).collect();
    (listeners, echoes)
}

fn echo(sockets: &[UdpSocket], stop: &AtomicBool) {
    for socket in sockets {
        socket.set_nonblocking(true).unwrap();
    }
    let mut buffer = [0; 64];
    while !stop.load(Ordering::Relaxed) {
        let mut waits: Vec<_> =
            sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        let _ = poll(&mut waits, PollTimeout::from(50u8));
        for socket in sockets {
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], from);
            }
        }
    }
}

/// Sends all flows, of which those should come through that say so; tells which did.
pub async fn run(ns: &NetNs, flows: Vec<(Flow, bool)>) -> Vec<bool> {
    ns.run(move || run_here(&flows)).await.unwrap()
}

fn run_here(flows: &[(Flow, bool)]) -> Vec<bool> {
    let probes: Vec<_> = flows.iter().map(|(flow, _)| Probe::send(*flow)).collect();
    let mut done = vec![false; flows.len()];
    let (begun, mut sent) = (Instant::now(), Instant::now());
    loop {
        for (at, probe) in probes.iter().enumerate() {
            done[at] = done[at] || probe.as_ref().is_some_and(Probe::has_answer);
        }
        let awaited = flows.iter().zip(&done).any(|((_, expected), done)| *expected && !done);
        let patience = if awaited { PATIENCE } else { REFUSAL };
        if begun.elapsed() > patience {
            return done;
        }
        if sent.elapsed() > AGAIN {
            let missing = probes.iter().zip(&done).filter(|(_, done)| !**done);
            missing.filter_map(|(probe, _)| probe.as_ref()).for_each(Probe::send_again);
            sent = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A flow that was sent.
struct Probe {
    flow: Flow,
    socket: OwnedFd,
}

impl Probe {
    /// `None` if the namespace itself refuses it, having no route there.
    fn send(flow: Flow) -> Option<Self> {
        let family = if flow.to.0.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let (kind, protocol) = match (flow.kind, flow.to.0.is_ipv4()) {
            (Kind::Tcp, _) => (SockType::Stream, None),
            (Kind::Udp, _) => (SockType::Datagram, None),
            (Kind::Ping, true) => (SockType::Raw, Some(SockProtocol::Icmp)),
            (Kind::Ping, false) => (SockType::Raw, Some(SockProtocol::IcmpV6)),
        };
        let socket =
            socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, protocol).unwrap();
        let ports = if flow.kind == Kind::Ping { (0, 0) } else { (flow.from.1, flow.to.1) };
        let end = |address, port| SockaddrStorage::from(SocketAddr::new(address, port));
        bind(socket.as_raw_fd(), &end(flow.from.0, ports.0)).expect("an address of its own");
        match connect(socket.as_raw_fd(), &end(flow.to.0, ports.1)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(Errno::ENETUNREACH | Errno::EHOSTUNREACH) => return None,
            Err(errno) => panic!("{flow:?}: {errno}"),
        }
        let probe = Self { flow, socket };
        probe.send_again();
        Some(probe)
    }

    fn send_again(&self) {
        let message = match self.flow.kind {
            Kind::Tcp => return,
            Kind::Udp => b"hello".to_vec(),
            Kind::Ping => self.echo_request(),
        };
        // An error tells of an earlier refusal.
        let _ = send(self.socket.as_raw_fd(), &message, MsgFlags::empty());
    }

    /// RFC 792, RFC 4443: the kernel fills in the checksum of ICMPv6.
    fn echo_request(&self) -> Vec<u8> {
        let (ipv4, [high, low]) = (self.flow.to.0.is_ipv4(), self.flow.from.1.to_be_bytes());
        let mut message = vec![if ipv4 { 8 } else { 128 }, 0, 0, 0, high, low, 0, 1];
        if ipv4 {
            let words = message.as_chunks::<2>().0.iter().map(|word| u32::from(u16::from_be_bytes(*word)));
            let sum: u32 = words.sum();
            let folded = !((sum & 0xffff) + (sum >> 16)) as u16;
            message[2..4].copy_from_slice(&folded.to_be_bytes());
        }
        message
    }

    fn has_answer(&self) -> bool {
        match self.flow.kind {
            Kind::Tcp => {
                let mut wait = [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)];
                let ready = poll(&mut wait, PollTimeout::ZERO).is_ok_and(|count| count > 0);
                let events = wait[0].revents().unwrap_or(PollFlags::empty());
                ready
                    && events.contains(PollFlags::POLLOUT)
                    && !events.contains(PollFlags::POLLHUP)
                    && getsockopt(&self.socket, sockopt::SocketError) == Ok(0)
            }
            Kind::Udp | Kind::Ping => {
                let mut buffer = [0; 128];
                loop {
                    match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                        Ok(length) if self.is_answer(&buffer[..length]) => return true,
                        Ok(_) => {}
                        Err(errno) if std::io::Error::from(errno).kind() == ErrorKind::WouldBlock => {
                            return false;
                        }
                        Err(_) => return false,
                    }
                }
            }
        }
    }

    fn is_answer(&self, message: &[u8]) -> bool {
        let [high, low] = self.flow.from.1.to_be_bytes();
        match (self.flow.kind, self.flow.to.0) {
            (Kind::Udp, _) => message == b"hello",
            // Raw sockets of IPv4 give the header too.
            (_, IpAddr::V4(_)) => message.get(20) == Some(&0) && message.get(24..26) == Some(&[high, low]),
            (_, IpAddr::V6(_)) => message.first() == Some(&129) && message.get(4..6) == Some(&[high, low]),
        }
    }
}
