//! Connections: accepted, counted per guest, bounded in time and bytes, closed at the end.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cumulet_model::VpcId;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::answer::Answer;
use crate::handle::{self, Caller};
use crate::throttle::{Connection, Throttle};
use crate::{IdentityKey, MetadataSource, TokenKey};

/// How long a guest may take to send a request's head, or to send the next one.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// How long a connection may last, however busy: no answer is long.
const CONNECTION_TIME: Duration = Duration::from_secs(120);
/// How long open connections have at shutdown.
const SHUTDOWN_TIME: Duration = Duration::from_secs(2);
/// The most bytes of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
/// The most header fields of a request.
const HEAD_FIELDS: usize = 64;
/// The TTL of packets that carry anything but a token.
const USUAL_TTL: u8 = 64;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What all VPCs' listeners share.
pub(crate) struct Shared {
    pub source: Arc<dyn MetadataSource>,
    pub tokens: TokenKey,
    pub identity: IdentityKey,
    pub clock: Clock,
}

/// The metadata service. Cheap to clone; each VPC's listener is served by a call of [`serve`](Self::serve).
#[derive(Clone)]
pub struct MetadataService {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for MetadataService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetadataService")
    }
}

impl MetadataService {
    /// A service over these facts. Both keys are kept by the daemon, so that tokens and signatures outlive it.
    pub fn new(
        source: Arc<dyn MetadataSource>,
        tokens: TokenKey,
        identity: IdentityKey,
        clock: Clock,
    ) -> Self {
        Self { shared: Arc::new(Shared { source, tokens, identity, clock }) }
    }

    /// Serves a VPC's guests on a listener that was bound in the VPC's network namespace, until shutdown; then
    /// waits a moment for open connections.
    ///
    /// # Errors
    /// Where the listener can't be handed to the runtime. A failed accept is logged and tried again.
    pub async fn serve(
        &self,
        listener: std::net::TcpListener,
        vpc: VpcId,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let vpc = Arc::new(vpc);
        let throttle = Throttle::default();
        let tasks = TaskTracker::new();
        info!(%vpc, "the metadata service listens");
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => self.accept(stream, peer, &vpc, &throttle, &tasks, &shutdown),
                Err(error) => {
                    warn!(%vpc, %error, "a connection to the metadata service was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        tasks.close();
        _ = tokio::time::timeout(SHUTDOWN_TIME, tasks.wait()).await;
        info!(%vpc, "the metadata service has stopped");
        Ok(())
    }

    fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        vpc: &Arc<VpcId>,
        throttle: &Throttle,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        let address = peer.ip().to_canonical();
        let Some(counted) = throttle.connect(address, Instant::now()) else {
            debug!(%vpc, %address, "a guest has too many connections to the metadata service");
            return;
        };
        let guest = Guest {
            shared: Arc::clone(&self.shared),
            vpc: Arc::clone(vpc),
            address,
            throttle: throttle.clone(),
        };
        tasks.spawn(connection(stream, guest, counted, shutdown.clone()));
    }
}

/// The other end of a connection.
struct Guest {
    shared: Arc<Shared>,
    vpc: Arc<VpcId>,
    address: IpAddr,
    throttle: Throttle,
}

async fn connection(stream: TcpStream, guest: Guest, _counted: Connection, shutdown: CancellationToken) {
    _ = stream.set_nodelay(true);
    let hops = match Hops::of(&stream) {
        Ok(hops) => hops,
        Err(error) => return debug!(address = %guest.address, %error, "a connection broke at once"),
    };
    let (guest, hops) = (&guest, &hops);
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(answer(guest, hops, &request).await) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let limit = tokio::time::sleep(CONNECTION_TIME);
    tokio::select! {
        // A guest that breaks off or talks nonsense is no event.
        _ = connection.as_mut() => return,
        () = limit => {}
        () = shutdown.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    _ = tokio::time::timeout(SHUTDOWN_TIME, connection).await;
}

async fn answer(guest: &Guest, hops: &Hops, request: &Request<Incoming>) -> Answer {
    let caller = Caller { vpc: &guest.vpc, address: guest.address, throttle: &guest.throttle };
    let (method, path) = (request.method(), request.uri().path());
    let outcome = handle::request(&guest.shared, &caller, method, path, request.headers()).await;
    // Before the answer is written. Where it can't be set, a token must not leave.
    match hops.set(outcome.hop_limit.unwrap_or(USUAL_TTL)) {
        Err(error) if outcome.hop_limit.is_some() => {
            warn!(address = %guest.address, %error, "the hop limit can't be set, no token is given");
            crate::answer::error(hyper::StatusCode::INTERNAL_SERVER_ERROR)
        }
        _ => Response::map(outcome.answer, |body| body),
    }
}

/// The IP time to live of a connection's packets, changed beside the HTTP connection that owns the stream.
struct Hops {
    socket: socket2::Socket,
    is_v6: bool,
}

impl Hops {
    fn of(stream: &TcpStream) -> io::Result<Self> {
        let is_v6 = matches!(stream.local_addr()?, SocketAddr::V6(address) if address.ip().to_ipv4_mapped().is_none());
        Ok(Self { socket: socket2::SockRef::from(stream).try_clone()?, is_v6 })
    }

    fn set(&self, hops: u8) -> io::Result<()> {
        if self.is_v6 {
            self.socket.set_unicast_hops_v6(hops.into())
        } else {
            self.socket.set_ttl_v4(hops.into())
        }
    }
}
