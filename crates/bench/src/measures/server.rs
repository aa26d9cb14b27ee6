//! The host's side of network loads: servers in the namespace where the taps are, a thread each.

use super::network::{MILLISECONDS, SMALL};
use crate::error::{BenchError, Result};
use crate::host::netns::Namespace;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Reads all, then tells how many bytes in how many microseconds.
pub const SINK: u16 = 7001;
/// Writes for a while.
pub const SOURCE: u16 = 7002;
/// Sends back.
pub const ECHO: u16 = 7003;
/// Counts datagrams.
pub const DATAGRAMS: u16 = 7004;
/// Sends datagrams for a while to whoever sent one.
pub const FLOOD: u16 = 7005;

/// What is sent and read at a time.
const CHUNK: usize = 128 << 10;

/// The servers. They end with the program.
pub struct Server {
    datagrams: Arc<AtomicU64>,
}

impl Server {
    /// Opens the sockets in the namespace and starts the threads.
    pub fn start(namespace: &Namespace) -> Result<Self> {
        let open = || -> io::Result<_> {
            let tcp = |port| TcpListener::bind(("0.0.0.0", port));
            let udp = |port| UdpSocket::bind(("0.0.0.0", port));
            Ok(([tcp(SINK)?, tcp(SOURCE)?, tcp(ECHO)?], [udp(DATAGRAMS)?, udp(FLOOD)?]))
        };
        let (streams, [counted, flood]) =
            namespace.within(|| open().map_err(BenchError::io("open sockets for guests")))?;
        let serve: [fn(TcpStream) -> io::Result<()>; 3] = [sink, source, echo];
        for (listener, serve) in streams.into_iter().zip(serve) {
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    // A guest that breaks off tells its own story.
                    thread::spawn(move || serve(stream));
                }
            });
        }
        let datagrams = Arc::new(AtomicU64::new(0));
        let count = datagrams.clone();
        thread::spawn(move || count_all(&counted, &count));
        thread::spawn(move || answer_floods(&flood));
        Ok(Self { datagrams })
    }

    /// Begins to count.
    pub fn begin(&self) {
        self.datagrams.store(0, Ordering::Relaxed);
    }

    /// Datagrams since then.
    pub fn datagrams(&self) -> u64 {
        self.datagrams.load(Ordering::Relaxed)
    }
}

fn sink(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let (mut bytes, mut began) = (0, None);
    loop {
        let count = stream.read(&mut buffer)?;
        let began = *began.get_or_insert_with(Instant::now);
        if count == 0 {
            return write!(stream, "{bytes} {}", began.elapsed().as_micros());
        }
        bytes += count;
    }
}

fn source(mut stream: TcpStream) -> io::Result<()> {
    let (buffer, began) = (vec![0x5a; CHUNK], Instant::now());
    while began.elapsed() < Duration::from_millis(MILLISECONDS.into()) {
        stream.write_all(&buffer)?;
    }
    Ok(())
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; SMALL];
    loop {
        stream.read_exact(&mut buffer)?;
        stream.write_all(&buffer)?;
    }
}

fn count_all(socket: &UdpSocket, count: &AtomicU64) {
    let mut buffer = [0; 2048];
    while socket.recv(&mut buffer).is_ok() {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn answer_floods(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    while let Ok((_, from)) = socket.recv_from(&mut buffer) {
        let began = Instant::now();
        // A little longer than the guest counts, so that it never counts silence.
        while began.elapsed() < Duration::from_millis(u64::from(MILLISECONDS) + 100) {
            // What does not fit is lost, as it is on a wire.
            let _ = socket.send_to(&[0x5a; SMALL], from);
        }
    }
}
