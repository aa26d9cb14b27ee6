//! Asking the host's name servers what a VPC doesn't know, from the host's namespace.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use crate::error::NetError;
use crate::sys::NetNs;

const PORT: u16 = 53;
/// How long one name server is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many name servers are tried, as the C library does (`resolv.conf(5)`).
const MOST_SERVERS: usize = 3;
const LONGEST_DATAGRAM: usize = 4096;

/// Where questions go.
#[derive(Debug, Clone)]
pub struct Forwarder {
    host: NetNs,
    fixed: Option<Vec<SocketAddr>>,
}

impl Forwarder {
    /// Asks from `host` (whose worker should have little else to do) `fixed`, or else the name servers in `/etc/resolv.conf` as it is at the time of each question.
    pub fn new(host: NetNs, fixed: Option<Vec<SocketAddr>>) -> Self {
        Self { host, fixed }
    }

    /// The answer to a question, byte for byte, from the first name server that gives one.
    pub async fn ask(&self, question: &[u8], over_tcp: bool) -> Result<Vec<u8>, NetError> {
        let mut last = NetError::Missing { what: "a name server of the host".to_owned() };
        for server in self.servers().into_iter().take(MOST_SERVERS) {
            let attempt = async {
                if over_tcp {
                    self.ask_tcp(server, question).await
                } else {
                    self.ask_udp(server, question).await
                }
            };
            match tokio::time::timeout(PATIENCE, attempt).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => last = error,
                Err(_) => last = NetError::io(format!("ask {server}"))(io::ErrorKind::TimedOut.into()),
            }
        }
        Err(last)
    }

    fn servers(&self) -> Vec<SocketAddr> {
        self.fixed
            .clone()
            .unwrap_or_else(|| name_servers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()))
    }

    async fn ask_udp(&self, server: SocketAddr, question: &[u8]) -> Result<Vec<u8>, NetError> {
        let socket = self
            .host
            .run(move || {
                let any: IpAddr = if server.is_ipv4() {
                    Ipv4Addr::UNSPECIFIED.into()
                } else {
                    Ipv6Addr::UNSPECIFIED.into()
                };
                let socket = std::net::UdpSocket::bind((any, 0))?;
                socket.connect(server)?;
                socket.set_nonblocking(true)?;
                io::Result::Ok(socket)
            })
            .await?
            .and_then(UdpSocket::from_std);
        let socket = socket.map_err(NetError::io(format!("reach {server}")))?;
        let asked = async {
            socket.send(question).await?;
            let mut answer = vec![0; LONGEST_DATAGRAM];
            loop {
                let length = socket.recv(&mut answer).await?;
                if answers(&answer[..length], question) {
                    answer.truncate(length);
                    return io::Result::Ok(answer);
                }
            }
        };
        asked.await.map_err(NetError::io(format!("ask {server}")))
    }

    async fn ask_tcp(&self, server: SocketAddr, question: &[u8]) -> Result<Vec<u8>, NetError> {
        let reach = NetError::io(format!("reach {server}"));
        let socket = self
            .host
            .run(move || if server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() })
            .await?;
        let stream = async { socket?.connect(server).await }.await;
        let mut stream = stream.map_err(reach)?;
        let asked = async {
            write_message(&mut stream, question).await?;
            read_message(&mut stream).await
        };
        asked.await.map_err(NetError::io(format!("ask {server}")))
    }
}

/// Whether a datagram answers a question: same id, marked as an answer.
fn answers(answer: &[u8], question: &[u8]) -> bool {
    answer.len() >= 12 && answer[..2] == question[..2] && answer[2] & 0x80 != 0
}

/// Reads one message behind its length (RFC 1035, 4.2.2).
pub async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Writes one message behind its length.
pub async fn write_message(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(bytes);
    stream.write_all(&framed).await
}

/// The name servers in the text of a `resolv.conf`.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver")?.split_whitespace().next()?.parse().ok())
        .map(|ip: IpAddr| SocketAddr::new(ip, PORT))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_from_resolv_conf() {
        let text = "# made by hand\nsearch example.com\nnameserver 192.0.2.53\n  nameserver ::1 # here\nnameserver x\n";
        let expected: Vec<SocketAddr> = vec!["192.0.2.53:53".parse().unwrap(), "[::1]:53".parse().unwrap()];
        assert_eq!(name_servers(text), expected);
    }

    #[test]
    fn only_an_answer_with_the_questions_id_counts() {
        let question = [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let mut answer = question;
        assert!(!answers(&answer, &question), "a question is no answer");
        answer[2] |= 0x80;
        assert!(answers(&answer, &question));
        answer[0] = 9;
        assert!(!answers(&answer, &question));
        assert!(!answers(&answer[..5], &question));
    }
}
