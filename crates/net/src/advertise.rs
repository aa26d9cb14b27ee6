//! Router advertisements (RFC 4861) for a VPC's guests: the router is here, and addresses are to be had by DHCPv6. No
//! prefix is said to be on the link, so that guests send all by the router, where security groups stand.
//!
//! They go out by each tap that has IPv6: when it comes, when its guest asks, and every few minutes. A guest keeps the
//! route for more than two hours, while no daemon may run.

use std::collections::{HashMap, HashSet};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrIn6, recvmsg, sendmsg, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::error::NetError;
use crate::names::ROUTER_MAC;
use crate::sys::NetNs;
use crate::sys::socket::hear_router_solicitations_alone;

/// MTUs by the index of the tap.
pub type Taps = HashMap<u32, u16>;

/// All nodes on a link.
const NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const SOLICITATION: u8 = 133;
const ADVERTISEMENT: u8 = 134;
/// Addresses and other configuration are to be had by DHCPv6.
const MANAGED: u8 = 0x80 | 0x40;
/// The longest that a router may promise to be there (section 6.2.1).
const LIFETIME_SECONDS: u16 = 9000;
const HOP_LIMIT: u8 = 64;
const EVERY: Duration = Duration::from_secs(200);
/// A guest that asks more often is not answered.
const AT_MOST_EVERY: Duration = Duration::from_millis(500);

/// The socket that advertises.
pub struct Advertiser(UdpSocket);

/// Opens the socket in a VPC's namespace.
pub async fn bind(ns: &NetNs) -> Result<Advertiser, NetError> {
    let socket = ns
        .run(|| {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Inet6, SockType::Raw, flags, SockProtocol::IcmpV6)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            // What has crossed a router has less, and is no router's word (section 6.1).
            setsockopt(&socket, sockopt::Ipv6MulticastHops, &255)?;
            hear_router_solicitations_alone(&socket)?;
            io::Result::Ok(socket)
        })
        .await?;
    // What tokio watches is a descriptor; that it is a UDP socket's makes no difference to that.
    let watched = socket.and_then(|socket| UdpSocket::from_std(std::net::UdpSocket::from(socket)));
    Ok(Advertiser(watched.map_err(NetError::io("open the socket for router advertisements"))?))
}

/// Advertises for ever.
pub async fn serve(advertiser: Advertiser, mut taps: watch::Receiver<Taps>) {
    let mut told: HashMap<u32, Instant> = HashMap::new();
    let mut known: HashSet<u32> = HashSet::new();
    let mut turn = tokio::time::interval(EVERY);
    turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = turn.tick() => {
                let now = taps.borrow().clone();
                now.iter().for_each(|(index, mtu)| advertiser.tell(*index, *mtu));
            }
            changed = taps.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = taps.borrow_and_update().clone();
                now.iter().filter(|(index, _)| !known.contains(index)).for_each(|(index, mtu)| advertiser.tell(*index, *mtu));
                told.retain(|index, _| now.contains_key(index));
                known = now.into_keys().collect();
            }
            asked = advertiser.solicited() => match asked {
                Ok(index) => {
                    let Some(mtu) = index.and_then(|index| taps.borrow().get(&index).copied()) else { continue };
                    let Some(index) = index else { continue };
                    let now = Instant::now();
                    if told.get(&index).is_none_or(|last| now - *last >= AT_MOST_EVERY) {
                        told.insert(index, now);
                        advertiser.tell(index, mtu);
                    }
                }
                Err(error) => {
                    warn!(%error, "router solicitations could not be received");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
}

impl Advertiser {
    /// The index of the link that a solicitation came in by; `None` for what is none.
    async fn solicited(&self) -> io::Result<Option<u32>> {
        self.0.async_io(Interest::READABLE, || receive(&self.0)).await
    }

    fn tell(&self, index: u32, mtu: u16) {
        if let Err(error) = send(&self.0, &advertisement(mtu), index) {
            debug!(index, %error, "a router advertisement could not be sent");
        }
    }
}

/// An advertisement; its checksum is the kernel's to fill in.
fn advertisement(mtu: u16) -> Vec<u8> {
    let mut bytes = vec![ADVERTISEMENT, 0, 0, 0, HOP_LIMIT, MANAGED];
    bytes.extend_from_slice(&LIFETIME_SECONDS.to_be_bytes());
    // Reachable time and retransmission timer: the guest's own choice.
    bytes.extend_from_slice(&[0; 8]);
    // Source link-layer address and MTU, in units of 8 bytes (section 4.6).
    bytes.extend_from_slice(&[1, 1]);
    bytes.extend_from_slice(&ROUTER_MAC.0);
    bytes.extend_from_slice(&[5, 1, 0, 0]);
    bytes.extend_from_slice(&u32::from(mtu).to_be_bytes());
    bytes
}

fn receive(socket: &UdpSocket) -> io::Result<Option<u32>> {
    let mut control = nix::cmsg_space!(libc::in6_pktinfo);
    let mut buffer = [0; 64];
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let message =
        recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let any = message.bytes > 0;
    let index = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(info.ipi6_ifindex),
        _ => None,
    });
    Ok(index.filter(|_| any && buffer[0] == SOLICITATION))
}

fn send(socket: &UdpSocket, bytes: &[u8], index: u32) -> io::Result<usize> {
    let info = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: [0; 16] }, ipi6_ifindex: index as _ };
    let to = SockaddrIn6::from(SocketAddrV6::new(NODES, 0, 0, index));
    let control = [ControlMessage::Ipv6PacketInfo(&info)];
    Ok(sendmsg(socket.as_raw_fd(), &[IoSlice::new(bytes)], &control, MsgFlags::MSG_DONTWAIT, Some(&to))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertisement_sends_guests_to_dhcp_and_names_no_prefix() {
        let bytes = advertisement(1500);
        assert_eq!((bytes[0], bytes[5] & 0x80, bytes.len() % 8), (ADVERTISEMENT, 0x80, 0));
        let mut options = Vec::new();
        let mut rest = &bytes[16..];
        while let [kind, length, ..] = rest {
            options.push(*kind);
            rest = &rest[usize::from(*length) * 8..];
        }
        assert_eq!(options, [1, 5], "link-layer address and MTU; 3 would be a prefix");
        assert_eq!(bytes[bytes.len() - 4..], 1500u32.to_be_bytes());
    }
}
