//! The DHCP server's socket: one for a whole VPC, port 67 in its namespace. It ends when its task is dropped.

use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket as StdSocket};
use std::os::fd::AsRawFd;

use dhcproto::Encodable;
use dhcproto::v4::{Message, MessageType};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tracing::{debug, warn};

use super::reply::{Lease, reply};
use super::request;
use crate::error::NetError;
use crate::sys::NetNs;
use crate::sys::socket::send_without_checksum;

/// Leases by the index of the tap.
pub type Leases = HashMap<u32, Lease>;

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// Longer messages than an Ethernet frame holds are no client's.
const LONGEST: usize = 1500;

/// Opens the server's socket in a VPC's namespace.
pub async fn bind(ns: &NetNs) -> Result<UdpSocket, NetError> {
    let socket = ns
        .run(|| {
            let socket = StdSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT))?;
            socket.set_broadcast(true)?;
            socket.set_nonblocking(true)?;
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            send_without_checksum(&socket)?;
            io::Result::Ok(socket)
        })
        .await?
        .map_err(NetError::io("open the DHCP server's socket"))?;
    UdpSocket::from_std(socket).map_err(NetError::io("watch the DHCP server's socket"))
}

/// Answers clients for ever.
pub async fn serve(socket: UdpSocket, leases: watch::Receiver<Leases>) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let received = socket.async_io(Interest::READABLE, || receive(&socket, &mut buffer)).await;
        match received {
            Ok(Some((length, index))) => answer(&socket, &buffer[..length], index, &leases).await,
            Ok(None) => {}
            Err(error) => {
                warn!(%error, "the DHCP server could not receive");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(socket: &UdpSocket, bytes: &[u8], index: u32, leases: &watch::Receiver<Leases>) {
    let Some(lease) = leases.borrow().get(&index).cloned() else { return };
    let Some(request) = request::parse(bytes) else {
        debug!(address = %lease.address, "a malformed DHCP message was passed over");
        return;
    };
    let Some(message) = reply(&request, &lease) else { return };
    debug!(address = %lease.address, kind = ?message.opts().msg_type(), "DHCP answered");
    let Ok(bytes) = message.to_vec() else { return };
    let to = destination(&message, &lease);
    let sent = socket.async_io(Interest::WRITABLE, || send(socket, &bytes, index, lease.router, to)).await;
    if let Err(error) = sent {
        debug!(address = %lease.address, %error, "a DHCP answer could not be sent");
    }
}

/// Takes one message and the index of the link that it came in by.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<(usize, u32)>> {
    let mut control = nix::cmsg_space!(libc::in_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let length = message.bytes;
    let index = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::Ipv4PacketInfo(info) => u32::try_from(info.ipi_ifindex).ok(),
        _ => None,
    });
    Ok(index.map(|index| (length, index)))
}

/// A client that has its address and renews it listens there alone; one that has none yet hears broadcasts (RFC 2131,
/// section 4.1). Nobody else is on the link to hear them.
fn destination(answer: &Message, lease: &Lease) -> Ipv4Addr {
    let renews = answer.ciaddr() == lease.address && !answer.opts().has_msg_type(MessageType::Nak);
    if renews { lease.address } else { Ipv4Addr::BROADCAST }
}

/// Sends to the client on a link.
fn send(socket: &UdpSocket, bytes: &[u8], index: u32, source: Ipv4Addr, to: Ipv4Addr) -> io::Result<usize> {
    let info = libc::in_pktinfo {
        ipi_ifindex: index.try_into().map_err(io::Error::other)?,
        ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let to = SockaddrIn::from(SocketAddrV4::new(to, CLIENT_PORT));
    let control = [ControlMessage::Ipv4PacketInfo(&info)];
    Ok(sendmsg(socket.as_raw_fd(), &[IoSlice::new(bytes)], &control, MsgFlags::MSG_DONTWAIT, Some(&to))?)
}
