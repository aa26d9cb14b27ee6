//! A DNS server's sockets in a namespace: a VPC's, or the host's. It ends when its task is dropped.
//!
//! Questions under way and connections are bounded, in all and for each client, so that a guest that floods it harms
//! neither its neighbours nor the daemon: beyond the bound a datagram is dropped and a connection closed.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener, UdpSocket as StdSocket};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::forward::{Forwarder, read_message, write_message};
use super::quota::{Place, Quota};
use super::zone::{Outcome, Zone, error};
use crate::error::NetError;
use crate::sys::NetNs;

const PORT: u16 = 53;
/// Questions under way at once, of a VPC and of one client.
const QUESTIONS: (usize, usize) = (512, 32);
/// Connections at once, of a VPC and of one client.
const CONNECTIONS: (usize, usize) = (128, 8);
/// A connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(10);
const LONGEST_DATAGRAM: usize = 4096;
/// What a client without EDNS takes in a datagram (RFC 1035, 2.3.4).
const PLAIN_DATAGRAM: usize = 512;

/// The server's sockets.
pub struct Sockets {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
}

/// Opens the server's sockets on its addresses, which must be there.
pub async fn bind(ns: &NetNs, addresses: Vec<IpAddr>) -> Result<Sockets, NetError> {
    let bound = ns
        .run(move || {
            let (mut udp, mut tcp) = (Vec::new(), Vec::new());
            for address in addresses.into_iter().map(|ip| SocketAddr::new(ip, PORT)) {
                let socket = StdSocket::bind(address)?;
                socket.set_nonblocking(true)?;
                udp.push(socket);
                let listener = StdListener::bind(address)?;
                listener.set_nonblocking(true)?;
                tcp.push(listener);
            }
            io::Result::Ok((udp, tcp))
        })
        .await?;
    let watched = bound.and_then(|(udp, tcp)| {
        Ok(Sockets {
            udp: udp.into_iter().map(UdpSocket::from_std).collect::<io::Result<_>>()?,
            tcp: tcp.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?,
        })
    });
    watched.map_err(NetError::io("open the DNS server's sockets"))
}

/// Answers clients for ever. What the zone doesn't know is asked of `forwarder`, and refused without one.
pub async fn serve(sockets: Sockets, zone: watch::Receiver<Arc<Zone>>, forwarder: Option<Forwarder>) {
    let resolver = Resolver {
        zone,
        forwarder,
        questions: Quota::new(QUESTIONS.0, QUESTIONS.1),
        connections: Quota::new(CONNECTIONS.0, CONNECTIONS.1),
    };
    let mut tasks = JoinSet::new();
    for socket in sockets.udp {
        tasks.spawn(serve_udp(Arc::new(socket), resolver.clone()));
    }
    for listener in sockets.tcp {
        tasks.spawn(serve_tcp(listener, resolver.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Resolver {
    zone: watch::Receiver<Arc<Zone>>,
    forwarder: Option<Forwarder>,
    questions: Quota,
    connections: Quota,
}

impl Resolver {
    /// The answer's bytes; `None` for what deserves none.
    async fn resolve(&self, question: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let request = Message::from_vec(question).ok()?;
        let zone = Arc::clone(&self.zone.borrow());
        let answer = match zone.outcome(&request) {
            Outcome::Ignore => return None,
            Outcome::Answer(answer) => answer,
            Outcome::Forward => match self.forward(question, over_tcp).await {
                Ok(answer) => return Some(answer),
                Err(code) => error(&request, code),
            },
        };
        let bytes = answer.to_vec().ok()?;
        if !over_tcp && bytes.len() > PLAIN_DATAGRAM {
            return answer.truncate().to_vec().ok();
        }
        Some(bytes)
    }

    async fn forward(&self, question: &[u8], over_tcp: bool) -> Result<Vec<u8>, ResponseCode> {
        let Some(forwarder) = &self.forwarder else { return Err(ResponseCode::Refused) };
        forwarder.ask(question, over_tcp).await.map_err(|failure| {
            debug!(error = %failure.chain(), "no name server answered");
            ResponseCode::ServFail
        })
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, resolver: Resolver) {
    let mut buffer = vec![0; LONGEST_DATAGRAM];
    let mut tasks = JoinSet::new();
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                pause(&error).await;
                continue;
            }
        };
        while tasks.try_join_next().is_some() {}
        let Some(place) = resolver.questions.take(client.ip()) else { continue };
        let (socket, resolver, question) = (Arc::clone(&socket), resolver.clone(), buffer[..length].to_vec());
        tasks.spawn(async move {
            let _place = place;
            if let Some(answer) = resolver.resolve(&question, false).await {
                let _ = socket.send_to(&answer, client).await;
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, resolver: Resolver) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                let Some(place) = resolver.connections.take(client.ip()) else { continue };
                connections.spawn(serve_connection(stream, client, resolver.clone(), place));
            }
            Err(error) => pause(&error).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(mut stream: TcpStream, client: SocketAddr, resolver: Resolver, _place: Place) {
    loop {
        let question = tokio::time::timeout(IDLE, read_message(&mut stream)).await;
        let Ok(Ok(question)) = question else { return };
        let Some(place) = resolver.questions.take(client.ip()) else { return };
        let answer = resolver.resolve(&question, true).await;
        drop(place);
        let Some(answer) = answer else { return };
        match tokio::time::timeout(IDLE, write_message(&mut stream, &answer)).await {
            Ok(Ok(())) => {}
            _ => return debug!(%client, "a DNS client did not take its answer"),
        }
    }
}

/// Keeps a socket that fails again and again from spinning.
async fn pause(error: &io::Error) {
    warn!(%error, "the DNS server could not receive");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
