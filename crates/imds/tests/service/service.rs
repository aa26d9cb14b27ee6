//! A running service, and a client that comes from a chosen address.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cumulet_imds::fixtures::{self, Fixed};
use cumulet_imds::{IdentityKey, MetadataService, TokenKey};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The guest of [`fixtures::instance`]`(0)`, and its neighbour.
pub const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 10);
pub const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 11);

pub struct Service {
    pub address: SocketAddr,
    pub source: Fixed,
    /// Seconds that the service's clock is ahead.
    pub ahead: Arc<AtomicI64>,
    stop: CancellationToken,
    runtime: Option<Runtime>,
}

/// Made once: an RSA key takes a while to find.
pub fn identity() -> IdentityKey {
    static KEY: OnceLock<IdentityKey> = OnceLock::new();
    KEY.get_or_init(|| IdentityKey::generate().unwrap()).clone()
}

impl Service {
    /// Two instances at two addresses of one VPC.
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    pub fn start_at(address: &str) -> Self {
        let source = Fixed::default();
        source.put(ONE, fixtures::instance(0));
        source.put(TWO, fixtures::instance(1));
        let listener = std::net::TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = {
            let ahead = Arc::clone(&ahead);
            Arc::new(move || {
                let now = Timestamp::now().as_second() + ahead.load(Ordering::SeqCst);
                Timestamp::from_second(now).unwrap()
            })
        };
        let service =
            MetadataService::new(Arc::new(source.clone()), TokenKey::new([9; 32]), identity(), clock);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        runtime.spawn(async move { service.serve(listener, fixtures::vpc_id(), stopped).await.unwrap() });
        Self { address, source, ahead, stop, runtime: Some(runtime) }
    }

    /// Changes what is known of the guest [`ONE`].
    pub fn change(&self, change: impl FnOnce(&mut cumulet_imds::InstanceMetadata)) {
        let mut facts = fixtures::instance(0);
        change(&mut facts);
        self.source.put(ONE, facts);
    }

    pub fn connect(&self, from: impl Into<IpAddr>) -> TcpStream {
        let domain = socket2::Domain::for_address(self.address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from.into(), 0).into()).unwrap();
        socket.connect(&self.address.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// One request on a connection of its own.
    pub fn ask(&self, from: impl Into<IpAddr>, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut stream = self.connect(from);
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n{fields}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Reply::parse(&bytes)
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask(ONE, "GET", path, &[])
    }

    pub fn token(&self, from: Ipv4Addr, ttl: &str) -> Reply {
        self.ask(from, "PUT", "/latest/api/token", &[("X-aws-ec2-metadata-token-ttl-seconds", ttl)])
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a header");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}
