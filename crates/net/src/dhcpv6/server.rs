//! The DHCPv6 server's sockets in a VPC's namespace, port 547. It ends when its task is dropped.
//!
//! Clients ask a multicast address, for which each tap has to be joined. What a socket may hold of memberships is
//! bounded by the kernel, so there are as many sockets as are needed, each for its own taps.

use std::collections::{HashMap, HashSet};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket as StdSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use dhcproto::Encodable;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, SockaddrIn6, recvmsg,
    sendmsg, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::reply::{Lease, reply};
use super::request;
use crate::error::NetError;
use crate::sys::NetNs;

/// Leases by the index of the tap.
pub type Leases = HashMap<u32, Lease>;

const SERVER_PORT: u16 = 547;
const CLIENT_PORT: u16 = 546;
/// All servers and relays on a link (RFC 8415, 7.1).
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const LONGEST: usize = 1500;
/// Taps for each socket: well below what the least generous kernels hold (`net.core.optmem_max` of 20 KiB).
const TAPS_EACH: usize = 128;

/// Answers clients for ever, on the taps that have leases.
pub async fn serve(ns: NetNs, mut leases: watch::Receiver<Leases>) {
    let mut sockets = Sockets { ns, shares: Vec::new(), tasks: JoinSet::new() };
    loop {
        let wanted: HashSet<u32> = leases.borrow_and_update().keys().copied().collect();
        sockets.listen_on(&wanted, &leases).await;
        if leases.changed().await.is_err() {
            return;
        }
    }
}

/// The sockets, each with its share of the taps.
struct Sockets {
    ns: NetNs,
    shares: Vec<(Arc<UdpSocket>, watch::Sender<HashSet<u32>>)>,
    tasks: JoinSet<()>,
}

impl Sockets {
    async fn listen_on(&mut self, wanted: &HashSet<u32>, leases: &watch::Receiver<Leases>) {
        // A tap that is gone has taken its membership along; its index may come again as another tap's.
        for (_, share) in &self.shares {
            share.send_modify(|share| share.retain(|index| wanted.contains(index)));
        }
        let has = |index: &u32| self.shares.iter().any(|(_, share)| share.borrow().contains(index));
        let missing: Vec<u32> = wanted.iter().copied().filter(|index| !has(index)).collect();
        for index in missing {
            if let Err(error) = self.join(index, leases).await {
                debug!(index, error = %error.chain(), "a tap could not be joined for DHCPv6");
            }
        }
    }

    async fn join(&mut self, index: u32, leases: &watch::Receiver<Leases>) -> Result<(), NetError> {
        let has_room = |(_, share): &&(_, watch::Sender<HashSet<u32>>)| share.borrow().len() < TAPS_EACH;
        if self.shares.iter().find(has_room).is_none() {
            let socket = Arc::new(bind(&self.ns).await?);
            let (share, seen) = watch::channel(HashSet::new());
            self.tasks.spawn(answer_all(Arc::clone(&socket), seen, leases.clone()));
            self.shares.push((socket, share));
        }
        let Some((socket, share)) = self.shares.iter().find(has_room) else { return Ok(()) };
        match socket.join_multicast_v6(&SERVERS, index) {
            Err(error) if error.raw_os_error() != Some(libc::EADDRINUSE) => {
                Err(NetError::io("join DHCPv6's group of servers")(error))
            }
            _ => {
                share.send_modify(|share| {
                    share.insert(index);
                });
                Ok(())
            }
        }
    }
}

async fn bind(ns: &NetNs) -> Result<UdpSocket, NetError> {
    let socket = ns
        .run(|| {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Inet6, SockType::Datagram, flags, None)?;
            setsockopt(&socket, sockopt::ReuseAddr, &true)?;
            setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            let any = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, SERVER_PORT, 0, 0));
            nix::sys::socket::bind(socket.as_raw_fd(), &any)?;
            io::Result::Ok(StdSocket::from(socket))
        })
        .await?
        .map_err(NetError::io("open a DHCPv6 socket"))?;
    UdpSocket::from_std(socket).map_err(NetError::io("watch a DHCPv6 socket"))
}

async fn answer_all(
    socket: Arc<UdpSocket>,
    own: watch::Receiver<HashSet<u32>>,
    leases: watch::Receiver<Leases>,
) {
    let mut buffer = vec![0; LONGEST];
    loop {
        match socket.async_io(Interest::READABLE, || receive(&socket, &mut buffer)).await {
            // Each socket hears what came in by any tap that one of them has joined.
            Ok(Some((length, index, client))) if own.borrow().contains(&index) => {
                answer(&socket, &buffer[..length], (index, client), &leases).await;
            }
            Ok(_) => {}
            Err(error) => {
                warn!(%error, "the DHCPv6 server could not receive");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(
    socket: &UdpSocket,
    question: &[u8],
    (index, client): (u32, Ipv6Addr),
    leases: &watch::Receiver<Leases>,
) {
    let Some(lease) = leases.borrow().get(&index).cloned() else { return };
    let Some(request) = request::parse(question) else {
        debug!(index, "a malformed DHCPv6 message was passed over");
        return;
    };
    let Some(message) = reply(&request, &lease) else { return };
    debug!(index, kind = ?request.kind, "DHCPv6 answered");
    let Ok(bytes) = message.to_vec() else { return };
    let sent = socket.async_io(Interest::WRITABLE, || send(socket, &bytes, index, client)).await;
    if let Err(error) = sent {
        debug!(index, %error, "a DHCPv6 answer could not be sent");
    }
}

/// Takes one message, with the index of the link that it came in by and its sender there.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<(usize, u32, Ipv6Addr)>> {
    let mut control = nix::cmsg_space!(libc::in6_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let (length, from) = (message.bytes, message.address);
    let index = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(info.ipi6_ifindex),
        _ => None,
    });
    Ok(index.zip(from).map(|(index, from)| (length, index, from.ip())))
}

fn send(socket: &UdpSocket, bytes: &[u8], index: u32, to: Ipv6Addr) -> io::Result<usize> {
    let info = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: [0; 16] }, ipi6_ifindex: index as _ };
    let to = SockaddrIn6::from(SocketAddrV6::new(to, CLIENT_PORT, 0, index));
    let control = [ControlMessage::Ipv6PacketInfo(&info)];
    Ok(sendmsg(socket.as_raw_fd(), &[IoSlice::new(bytes)], &control, MsgFlags::MSG_DONTWAIT, Some(&to))?)
}
