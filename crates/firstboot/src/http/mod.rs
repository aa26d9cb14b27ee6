//! A small blocking HTTP/1.1 client: one request per connection, everything bounded in bytes and time. It is
//! enough for the metadata service and for `#include` addresses, and it starts no threads.

mod response;
mod url;

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

pub use response::Response;
pub use url::Url;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is none that is fetched here.
    #[error("`{url}` is not an http address")]
    BadUrl {
        /// The address.
        url: String,
    },
    /// The host has no address.
    #[error("{host} can't be resolved")]
    Resolve {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No connection, or it broke.
    #[error("the connection to {host} failed")]
    Connection {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The answer is larger than allowed.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The bound.
        limit: usize,
    },
    /// The answer took longer than allowed.
    #[error("the answer of {host} took longer than {seconds} seconds")]
    TooSlow {
        /// The host.
        host: String,
        /// The bound.
        seconds: u64,
    },
    /// The answer is no HTTP.
    #[error("the answer of {host} is not HTTP: {reason}")]
    Malformed {
        /// The host.
        host: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// GET, PUT, …
    pub method: &'a str,
    /// Where.
    pub url: &'a Url,
    /// Header fields.
    pub headers: &'a [(&'a str, &'a str)],
    /// The most bytes of an answer.
    pub limit: usize,
    /// The longest that all of it may take.
    pub timeout: Duration,
}

impl Request<'_> {
    /// Sends it and reads the whole answer. Redirections are answers like others.
    pub fn send(&self) -> Result<Response, HttpError> {
        let host = self.url.authority();
        let deadline = Instant::now() + self.timeout;
        let broken = |source| HttpError::Connection { host: host.clone(), source };
        let mut stream = self.connect()?;
        stream.write_all(self.head().as_bytes()).map_err(broken)?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(HttpError::TooSlow { host, seconds: self.timeout.as_secs() });
            }
            stream.set_read_timeout(Some(left)).map_err(broken)?;
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::Interrupted) => {}
                Err(error) if would_block(&error) => {
                    return Err(HttpError::TooSlow { host, seconds: self.timeout.as_secs() });
                }
                Err(error) => return Err(broken(error)),
            }
            // Room for the header beside the body.
            if bytes.len() > self.limit.saturating_add(64 * 1024) {
                return Err(HttpError::TooLarge { host, limit: self.limit });
            }
            if response::is_complete(&bytes) {
                break;
            }
        }
        let response =
            response::parse(&bytes).map_err(|reason| HttpError::Malformed { host: host.clone(), reason })?;
        if response.body.len() > self.limit {
            return Err(HttpError::TooLarge { host, limit: self.limit });
        }
        Ok(response)
    }

    fn connect(&self) -> Result<TcpStream, HttpError> {
        let host = self.url.authority();
        let resolved = (self.url.host.as_str(), self.url.port).to_socket_addrs();
        let addresses = resolved.map_err(|source| HttpError::Resolve { host: host.clone(), source })?;
        let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in addresses {
            match TcpStream::connect_timeout(&address, self.timeout.min(Duration::from_secs(5))) {
                Ok(stream) => {
                    _ = stream.set_write_timeout(Some(self.timeout));
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(HttpError::Connection { host, source: last })
    }

    fn head(&self) -> String {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.url.path, self.url.authority());
        for (name, value) in self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let length = if self.method == "GET" { "" } else { "Content-Length: 0\r\n" };
        head + length + "User-Agent: cumulet-firstboot\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    }
}

fn would_block(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests;
