//! The connections of an API's listener: how many there may be, and how long each may keep its place.
//!
//! Who has not proved anything yet can open a connection and then say nothing, or read nothing. So a request's head
//! must come in time, also the next one on a connection that is kept; a connection that grows old is told to end with
//! its answer; and there is room for so many and no more, the next one waits in the kernel's queue. Each listener has
//! its own places, so that strangers on TCP never keep root from the unix socket. A connection that is upgraded to a
//! stream leaves its place; streams are counted where they are made.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

/// The bounds of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections there may be at a time.
    pub connections: usize,
    /// How long a client may take to send a request's head, or to begin the next request.
    pub head: Duration,
    /// The most bytes of a request's head.
    pub head_bytes: usize,
    /// How long a connection may go on taking new requests.
    pub age: Duration,
    /// How long the answer that is on its way may take after that.
    pub last_answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            head: Duration::from_secs(30),
            // EC2 takes GET requests, whose parameters stand in the head.
            head_bytes: 64 * 1024,
            age: Duration::from_secs(15 * 60),
            // A teardown waits for the ends of all machines.
            last_answer: Duration::from_secs(11 * 60),
        }
    }
}

/// Serves until it is told to stop, then waits for the answers that are on their way.
pub async fn serve<L: Listener>(mut listener: L, router: Router, limits: Limits, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let tasks = TaskTracker::new();
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await.0)
        };
        let (place, stream) = tokio::select! {
            accepted = accept => accepted,
            () = stop.cancelled() => break,
        };
        let connection = connection(stream, router.clone(), limits, stop.clone());
        tasks.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return told(ended),
        () = tokio::time::sleep(limits.age) => {}
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    match tokio::time::timeout(limits.last_answer, connection).await {
        Ok(ended) => told(ended),
        Err(_) => debug!("a connection was cut: its client did not take the answer"),
    }
}

/// A client that breaks off or talks nonsense is no event.
fn told(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    async fn served(limits: Limits) -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(async || "hello"));
        tokio::spawn(serve(listener, router, limits, stop.clone()));
        (address, stop)
    }

    async fn connect(address: SocketAddr, text: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text).await.unwrap();
        stream
    }

    async fn read_until(stream: &mut TcpStream, end: &str) -> String {
        let mut seen = String::new();
        while !seen.ends_with(end) {
            seen.push(stream.read_u8().await.unwrap().into());
        }
        seen
    }

    #[tokio::test]
    async fn who_does_not_finish_a_request_or_begin_the_next_one_is_shown_out() {
        let limits = Limits { head: Duration::from_millis(50), ..Limits::default() };
        let (address, _stop) = served(limits).await;
        for beginning in [&b""[..], b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow", REQUEST] {
            let mut stream = connect(address, beginning).await;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            let was_answered = String::from_utf8(answer).unwrap().ends_with("hello");
            assert_eq!(was_answered, beginning == REQUEST);
        }
    }

    #[tokio::test]
    async fn who_finds_no_place_waits_for_one() {
        let (address, _stop) = served(Limits { connections: 1, ..Limits::default() }).await;
        let mut first = connect(address, REQUEST).await;
        read_until(&mut first, "hello").await;
        let mut second = connect(address, REQUEST).await;
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await;
        assert!(early.is_err(), "the only place is taken");
        drop(first);
        read_until(&mut second, "hello").await;
    }

    #[tokio::test]
    async fn an_old_connection_ends_with_its_answer() {
        let (address, _stop) = served(Limits { age: Duration::ZERO, ..Limits::default() }).await;
        let mut stream = connect(address, REQUEST).await;
        let mut answer = String::new();
        // Where the end comes before the request was seen, there is no answer; either way the connection ends.
        _ = stream.read_to_string(&mut answer).await;
        assert!(answer.is_empty() || answer.ends_with("hello"), "{answer}");
    }

    #[tokio::test]
    async fn a_stop_ends_idle_connections_and_the_listener() {
        let (address, stop) = served(Limits::default()).await;
        let mut stream = connect(address, REQUEST).await;
        read_until(&mut stream, "hello").await;
        stop.cancel();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
