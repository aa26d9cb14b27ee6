//! A connection that becomes a stream to an instance's agent.

use std::time::Duration;

use cumulet_agent_client::protocol::AgentMessage;
use cumulet_agent_client::{AgentError, FrameReader, FrameWriter};
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::guest::UPGRADE;
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};

use crate::transport::{ANSWER_LIMIT, Asked, request, unreachable};
use crate::{Client, Error, Result, Target};

/// How long the stream may take to begin.
const LIMIT: Duration = Duration::from_secs(75);

/// A stream to an agent, which has agreed to what was asked.
#[derive(Debug)]
pub struct AgentStream {
    /// The agent's first answer.
    pub first: AgentMessage,
    /// What comes from the agent.
    pub reader: FrameReader<ReadHalf<TokioIo<Upgraded>>>,
    /// What goes to it.
    pub writer: FrameWriter<WriteHalf<TokioIo<Upgraded>>>,
}

impl Client {
    /// Asks for a stream.
    pub(crate) async fn stream(&self, path: &str, body: &impl Serialize) -> Result<AgentStream> {
        let body = serde_json::to_vec(body);
        let body =
            body.map_err(|e| Error::UnknownForm { request: path.to_owned(), reason: e.to_string() })?;
        let asked = Asked { method: Method::POST, path: path.to_owned(), body: Some(body) };
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
                    // Keys that are typed one by one go out one by one.
                    _ = stream.set_nodelay(true);
                    begin(target, stream, asked).await
                }
            }
        };
        match tokio::time::timeout(LIMIT, whole).await {
            Ok(stream) => stream,
            Err(_) => Err(Error::Silent { target: target.to_string(), after: LIMIT }),
        }
    }
}

async fn begin(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    asked: Asked,
) -> Result<AgentStream> {
    let broken = |source| Error::Broken { target: target.to_string(), source };
    let what = format!("{} {}", asked.method, asked.path);
    let odd = |reason: String| Error::UnknownForm { request: what.clone(), reason };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection.with_upgrades());
    let request = request(target, asked, Some(UPGRADE)).map_err(|error| odd(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
        let body = body.map_err(|error| odd(format!("its body did not come whole: {error}")))?.to_bytes();
        return Err(match serde_json::from_slice::<ErrorReply>(&body) {
            Ok(reply) => Error::Refused { status, body: reply.error },
            Err(_) => odd(format!("HTTP status {status}")),
        });
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
    let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
    let (mut reader, writer) = (FrameReader::new(reader), FrameWriter::new(writer));
    let first = reader.hear().await.map_err(|source| Error::Stream { source })?;
    Ok(AgentStream { first, reader, writer })
}

impl From<AgentError> for Error {
    fn from(source: AgentError) -> Self {
        Self::Stream { source }
    }
}
