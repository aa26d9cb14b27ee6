//! A stand-in for a guest: a namespace whose `eth0` is a tap of its own, joined to the VPC's tap by a thread that copies
//! frames, as a VMM would.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cumulet_model::MacAddr;
use cumulet_net::sys::{NetNs, tap};
use cumulet_ports::network::InterfaceSpec;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::dhcp_client;
use crate::world::sh;

/// What is refused is given so long to come through after all.
const REFUSAL: Duration = Duration::from_millis(700);
/// What is allowed is given so long, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(15);
const LONGEST_FRAME: usize = 70_000;

/// A guest.
pub struct Guest {
    /// Its namespace.
    pub ns: NetNs,
    /// Its own address.
    pub ip: Ipv4Addr,
    /// Its own Ethernet address.
    pub mac: MacAddr,
    wire: Arc<OwnedFd>,
    stop: Arc<AtomicBool>,
}

impl Guest {
    /// Boots a guest on an open tap; it has no address yet.
    pub async fn boot(interface: &InterfaceSpec, host_end: OwnedFd) -> Self {
        let ns = NetNs::anonymous("guest").unwrap();
        let guest_end = ns.run(|| tap::open("eth0")).await.unwrap().unwrap();
        for end in [&guest_end, &host_end] {
            offload(end);
        }
        sh(&ns, format!("ip link set lo up; ip link set eth0 address {} up", interface.mac)).await;
        let stop = Arc::new(AtomicBool::new(false));
        let wire = Arc::new(host_end);
        let (host_side, stopping) = (Arc::clone(&wire), Arc::clone(&stop));
        std::thread::spawn(move || pump(&host_side, &guest_end, &stopping));
        Self { ns, ip: interface.private_ip, mac: interface.mac, wire, stop }
    }

    /// Asks DHCP for an address and uses what it says.
    pub async fn configure_by_dhcp(&self) {
        let mac = self.mac;
        let told = self.ns.run(move || dhcp_client::ask(mac)).await.unwrap().expect("an answer from DHCP");
        assert_eq!(told.address, self.ip);
        sh(
            &self.ns,
            format!(
                "ip addr add {}/{} dev eth0; ip link set eth0 mtu {}; ip route add default via {}",
                told.address, told.prefix, told.mtu, told.router
            ),
        )
        .await;
    }

    /// Puts a frame on the wire as the guest's hardware would, without asking its kernel.
    pub fn send_frame(&self, frame: &[u8]) {
        let mut bytes = vec![0; 10];
        bytes.extend_from_slice(frame);
        nix::unistd::write(&self.wire, &bytes).unwrap();
    }

    /// Whether a ping gets an answer.
    pub async fn pings(&self, to: impl Into<IpAddr>) -> bool {
        let line = format!("ping -n -c 1 -w 3 {} > /dev/null", to.into());
        self.ns.run(move || crate::world::sh_succeeds(&line)).await.unwrap()
    }

    /// Serves TCP on a port: whoever connects is told its own address as seen from here, then all it says is echoed.
    pub async fn serve(&self, port: u16) {
        serve_in(&self.ns, port).await;
    }

    /// Connects to a port; `None` if it is refused or nothing comes back.
    pub async fn connect(&self, ip: impl Into<IpAddr>, port: u16) -> Option<Conversation> {
        connect_in(&self.ns, ip, port).await
    }

    /// Whether nothing comes of connecting to a port.
    pub async fn is_refused(&self, ip: impl Into<IpAddr>, port: u16) -> bool {
        is_refused_in(&self.ns, ip, port).await
    }

    /// Sends a datagram from `source` and gives whether an answer came; there must be a UDP echo.
    pub async fn udp_echo(&self, source: Ipv4Addr, to: Ipv4Addr, port: u16) -> bool {
        let asked = self.ns.run(move || {
            let socket = UdpSocket::bind((source, 0)).unwrap();
            socket.set_read_timeout(Some(REFUSAL * 2)).unwrap();
            socket.send_to(b"hello", (to, port)).is_ok() && socket.recv(&mut [0; 16]).is_ok()
        });
        asked.await.unwrap()
    }

    /// Echoes datagrams on a port.
    pub async fn serve_udp(&self, port: u16) {
        let socket =
            self.ns.run(move || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))).await.unwrap().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], from);
            }
        });
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A TCP connection to [`serve_in`].
pub struct Conversation {
    stream: TcpStream,
    /// The client's address as the server sees it.
    pub seen_as: SocketAddr,
}

impl Conversation {
    /// Sends `size` bytes and reads them back; `None` if they come back changed or not at all.
    pub fn carries(mut self, size: usize) -> Option<()> {
        let sent: Vec<u8> = (0..size).map(|n| (n.wrapping_mul(2_654_435_761) >> 7) as u8).collect();
        let mut writer = self.stream.try_clone().ok()?;
        let (copy, mut received) = (sent.clone(), vec![0; size]);
        let writing = std::thread::spawn(move || writer.write_all(&copy));
        self.stream.read_exact(&mut received).ok()?;
        writing.join().ok()?.ok()?;
        (received == sent).then_some(())
    }

    /// Whether nothing comes back any more.
    pub fn has_ended(&mut self) -> bool {
        self.stream.set_read_timeout(Some(REFUSAL * 2)).unwrap();
        !self.is_alive()
    }

    /// Whether the connection still carries something there and back.
    pub fn is_alive(&mut self) -> bool {
        self.stream.write_all(b"x").is_ok() && self.stream.read_exact(&mut [0]).is_ok()
    }
}

/// See [`Guest::serve`].
pub async fn serve_in(ns: &NetNs, port: u16) {
    serve_at(ns, Ipv4Addr::UNSPECIFIED.into(), port).await;
}

/// The same at one address.
pub async fn serve_at(ns: &NetNs, ip: IpAddr, port: u16) {
    let listener = ns.run(move || TcpListener::bind((ip, port))).await.unwrap().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, from)) = listener.accept() {
            std::thread::spawn(move || {
                let greeting = format!("{from:<32}");
                let _ = stream.write_all(greeting.as_bytes());
                let mut buffer = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
            });
        }
    });
}

/// See [`Guest::connect`].
pub async fn connect_in(ns: &NetNs, ip: impl Into<IpAddr>, port: u16) -> Option<Conversation> {
    converse(ns, ip.into(), port, PATIENCE).await
}

/// See [`Guest::is_refused`].
pub async fn is_refused_in(ns: &NetNs, ip: impl Into<IpAddr>, port: u16) -> bool {
    converse(ns, ip.into(), port, REFUSAL).await.is_none()
}

async fn converse(ns: &NetNs, ip: IpAddr, port: u16, patience: Duration) -> Option<Conversation> {
    let connected = ns.run(move || {
        let mut stream = TcpStream::connect_timeout(&(ip, port).into(), patience).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut greeting = [0; 32];
        stream.read_exact(&mut greeting).ok()?;
        let seen_as = std::str::from_utf8(&greeting).ok()?.trim().parse().ok()?;
        Some(Conversation { stream, seen_as })
    });
    connected.await.unwrap()
}

nix::ioctl_write_int_bad!(tun_set_offload, libc::TUNSETOFFLOAD);

/// Lets a tap carry large segments with checksums left open, as a virtio network card does.
fn offload(tap: &OwnedFd) {
    let features = (libc::TUN_F_CSUM | libc::TUN_F_TSO4) as i32;
    // SAFETY: the descriptor is an attached tap; the argument is a plain number.
    unsafe { tun_set_offload(tap.as_raw_fd(), features) }.expect("enable offloads");
}

/// Copies frames between two taps, headers and all, until told to stop or one of them is gone.
fn pump(a: &OwnedFd, b: &OwnedFd, stop: &AtomicBool) {
    let mut buffer = vec![0; LONGEST_FRAME];
    while !stop.load(Ordering::Relaxed) {
        let mut waits =
            [PollFd::new(a.as_fd(), PollFlags::POLLIN), PollFd::new(b.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut waits, PollTimeout::from(50u8));
        for (from, to) in [(a, b), (b, a)] {
            loop {
                match nix::unistd::read(from, &mut buffer) {
                    Ok(length) => drop(nix::unistd::write(to, &buffer[..length])),
                    Err(errno) if std::io::Error::from(errno).kind() == ErrorKind::WouldBlock => break,
                    // Its tap is gone, and may come again.
                    Err(Errno::EBADFD) => break,
                    Err(_) => return,
                }
            }
        }
    }
}
