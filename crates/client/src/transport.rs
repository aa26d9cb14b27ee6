//! One HTTP request on a connection of its own.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, UPGRADE, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::{Error, Result, Target};

/// The largest answer taken.
pub(crate) const ANSWER_LIMIT: usize = 64 << 20;

/// A request as its pieces.
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Path and query, percent-encoded.
    pub(crate) path: String,
    /// A JSON body.
    pub(crate) body: Option<Vec<u8>>,
}

/// What a connection is to become after the answer.
pub(crate) type Upgrade = &'static str;

/// An answer: the status and the whole body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Sends a request and takes the answer, all within `limit`.
pub(crate) async fn exchange(target: &Target, asked: Asked, limit: Duration) -> Result<Answer> {
    let whole = async {
        match target {
            Target::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|source| unreachable(target, source))?;
                talk(target, stream, asked).await
            }
            Target::Tcp { authority, .. } => {
                let stream =
                    TcpStream::connect(authority).await.map_err(|source| unreachable(target, source))?;
                talk(target, stream, asked).await
            }
        }
    };
    match tokio::time::timeout(limit, whole).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Silent { target: target.to_string(), after: limit }),
    }
}

pub(crate) fn unreachable(target: &Target, source: std::io::Error) -> Error {
    Error::Unreachable { target: target.to_string(), source }
}

async fn talk(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    asked: Asked,
) -> Result<Answer> {
    let broken = |source| Error::Broken { target: target.to_string(), source };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let what = format!("{} {}", asked.method, asked.path);
    let odd = |reason: String| Error::UnknownForm { request: what.clone(), reason };
    let request = request(target, asked, None).map_err(|error| odd(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
    let body = body.map_err(|error| odd(format!("its body did not come whole: {error}")))?.to_bytes();
    connection.abort();
    Ok(Answer { status, body })
}

pub(crate) fn request(
    target: &Target,
    asked: Asked,
    upgrade: Option<Upgrade>,
) -> std::result::Result<Request<Full<Bytes>>, hyper::http::Error> {
    let mut builder = Request::builder()
        .method(asked.method)
        .uri(asked.path)
        .header(USER_AGENT, concat!("cumulet/", env!("CARGO_PKG_VERSION")));
    builder = match target {
        Target::Unix(_) => builder.header(HOST, "localhost"),
        Target::Tcp { authority, authorization } => {
            builder.header(HOST, authority).header(AUTHORIZATION, authorization)
        }
    };
    if let Some(protocol) = upgrade {
        builder = builder.header(CONNECTION, "upgrade").header(UPGRADE, protocol);
    }
    if asked.body.is_some() {
        builder = builder.header(CONTENT_TYPE, "application/json");
    }
    builder.body(Full::from(asked.body.unwrap_or_default()))
}
