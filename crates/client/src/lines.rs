//! An answer that comes line by line, for as long as it pleases.

use std::time::Duration;

use cumulet_api_types::error::ErrorReply;
use http_body_util::{BodyExt, Limited};
use hyper::Method;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::transport::{ANSWER_LIMIT, Asked, request, unreachable};
use crate::{Client, Error, Result, Target};

/// How long the answer may take to begin.
const LIMIT: Duration = Duration::from_secs(75);
/// The longest line taken.
const LONGEST: usize = 1 << 20;

/// Lines of JSON as they come.
#[derive(Debug)]
pub struct Lines {
    target: String,
    request: String,
    body: Incoming,
    held: Vec<u8>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Lines {
    /// The next line; `None` at the end.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.held.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(|error| self.odd(error.to_string()));
            }
            if self.held.len() > LONGEST {
                return Err(self.odd("a line is too long".into()));
            }
            match self.body.frame().await {
                None if self.held.is_empty() => return Ok(None),
                None => return Err(self.odd("its last line has no end".into())),
                Some(Err(source)) => return Err(Error::Broken { target: self.target.clone(), source }),
                Some(Ok(frame)) => self.held.extend(frame.into_data().unwrap_or_default()),
            }
        }
    }

    fn odd(&self, reason: String) -> Error {
        Error::UnknownForm { request: self.request.clone(), reason }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Client {
    /// Asks for lines.
    pub(crate) async fn lines(&self, path: &str) -> Result<Lines> {
        let asked = Asked { method: Method::GET, path: path.to_owned(), body: None };
        let target = self.target();
        let whole = async {
            match target {
                Target::Unix(path) => {
                    let stream =
                        UnixStream::connect(path).await.map_err(|source| unreachable(target, source))?;
                    begin(target, stream, asked).await
                }
                Target::Tcp { authority, .. } => {
                    let stream =
                        TcpStream::connect(authority).await.map_err(|source| unreachable(target, source))?;
                    begin(target, stream, asked).await
                }
            }
        };
        match tokio::time::timeout(LIMIT, whole).await {
            Ok(lines) => lines,
            Err(_) => Err(Error::Silent { target: target.to_string(), after: LIMIT }),
        }
    }
}

async fn begin(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    asked: Asked,
) -> Result<Lines> {
    let broken = |source| Error::Broken { target: target.to_string(), source };
    let what = format!("{} {}", asked.method, asked.path);
    let odd = |reason: String| Error::UnknownForm { request: what.clone(), reason };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let request = request(target, asked, None).map_err(|error| odd(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status().as_u16();
    if response.status().is_success() {
        let (body, target) = (response.into_body(), target.to_string());
        return Ok(Lines { target, request: what, body, held: Vec::new(), connection });
    }
    let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
    let body = body.map_err(|error| odd(format!("its body did not come whole: {error}")))?.to_bytes();
    connection.abort();
    match serde_json::from_slice::<ErrorReply>(&body) {
        Ok(ErrorReply { error: body }) => Err(Error::Refused { status, body }),
        Err(_) => Err(odd(format!("HTTP status {status}"))),
    }
}
