//! Connections that become a stream to an instance's agent: after the answer 101 (RFC 9110, section 15.2.2) they carry
//! the agent protocol's frames both ways, begun by the agent's first answer. The daemon passes bytes on and reads none:
//! whatever a guest sends, it meets a parser only at the caller's. What the request asked of the agent is the
//! daemon's to say, so that a caller gets no other command in.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::OptionalFromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use cumulet_agent_client::protocol::{Command, Frame};
use cumulet_api_types::guest::UPGRADE;
use cumulet_engine::agent::AgentStream;
use cumulet_model::{CloudError, ErrorCode, InstanceId};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use crate::error::{ApiError, Result};
use crate::router::Api;

/// How many streams there may be at a time.
const STREAMS: usize = 512;

/// Bytes under way in each direction of a stream.
const BUFFER: usize = 32 * 1024;

/// Places for streams, shared by all routes of a router.
#[derive(Debug, Clone)]
pub(crate) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS)))
    }
}

impl Streams {
    /// A place for a stream, until it is dropped.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            let text = format!("there are {STREAMS} streams already; try again");
            CloudError::new(ErrorCode::RequestLimitExceeded, text).into()
        })
    }
}

/// A connection whose client wants it to become a stream.
#[derive(Debug)]
pub(crate) struct Upgrade(OnUpgrade);

impl<S: Send + Sync> OptionalFromRequestParts<S> for Upgrade {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> std::result::Result<Option<Self>, Infallible> {
        let wants =
            parts.headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes() == UPGRADE.as_bytes());
        Ok(parts.extensions.remove::<OnUpgrade>().filter(|_| wants).map(Self))
    }
}

impl Upgrade {
    /// What is said to who asks for a stream without one.
    pub(crate) fn required() -> ApiError {
        let text = format!("this takes the headers `Connection: upgrade` and `Upgrade: {UPGRADE}`");
        ApiError::new(StatusCode::UPGRADE_REQUIRED, ErrorCode::UnsupportedOperation.as_str(), text)
    }

    /// Asks the agent; what it agrees to becomes the stream.
    pub(crate) async fn stream_to(self, api: &Api, id: &InstanceId, command: Command) -> Result<Response> {
        let place = api.streams.place()?;
        let stream = api.cloud.agent_stream(id, command).await?;
        tokio::spawn(carry(self.0, stream, place));
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(UPGRADE));
        Ok(response)
    }
}

async fn carry(upgrade: OnUpgrade, stream: AgentStream, place: OwnedSemaphorePermit) {
    let carried = async {
        let mut client = TokioIo::new(upgrade.await.map_err(std::io::Error::other)?);
        let (reader, rest) = stream.reader.into_parts();
        let mut agent = reader.unsplit(stream.writer.into_inner());
        let first = Frame::message(&stream.first).and_then(|frame| frame.encode());
        client.write_all(&first.map_err(std::io::Error::other)?).await?;
        client.write_all(&rest).await?;
        client.flush().await?;
        copy_bidirectional_with_sizes(&mut client, &mut agent, BUFFER, BUFFER).await
    };
    // Either side may go at any moment.
    if let Err(error) = carried.await {
        debug!(%error, "a stream to an agent broke off");
    }
    drop(place);
}
