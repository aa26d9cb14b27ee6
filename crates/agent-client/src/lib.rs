//! The client of the agent in a guest, over any stream: in the daemon a unix socket to the VMM, in the command a
//! connection to the daemon, which passes the same frames on.
//!
//! A connection carries one request ([`ask`]). What is asked and answered at once has a function of its own
//! ([`hello`], [`identity`]); [`run`] runs a program to its end. Streams are read and written frame by frame
//! ([`FrameReader`], [`FrameWriter`]). A guest may be in anybody's hands: what it sends is bounded by the framing, and
//! who calls sets a time limit.
#![forbid(unsafe_code)]

mod frames;
mod run;

use std::time::Duration;

use cumulet_agent_protocol::{
    AgentMessage, ClientMessage, Command, Failure, FrameError, Greeting, Identity, IdentityDone, Request,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

pub use cumulet_agent_protocol as protocol;
pub use frames::{FrameReader, FrameWriter};
pub use run::{Finished, OutputLimits, run};

/// Why an agent has not done what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The connection failed.
    #[error("the connection to the agent failed")]
    Io(#[from] std::io::Error),
    /// The connection ended before the answer.
    #[error("the agent closed the connection")]
    Closed,
    /// What came is no frame, or none of a known form.
    #[error("the agent's answer can't be read")]
    Frame(#[from] FrameError),
    /// What came is no answer to what was asked.
    #[error("the agent's answer does not fit the question")]
    Unexpected,
    /// No answer in time.
    #[error("the agent did not answer within {0:?}")]
    TimedOut(Duration),
    /// The agent can't do it.
    #[error("{0}")]
    Failed(Failure),
}

/// Sends the request and takes the first answer. A failure that the agent tells is an error.
pub async fn ask<R, W>(
    reader: &mut FrameReader<R>,
    writer: &mut FrameWriter<W>,
    command: Command,
) -> Result<AgentMessage, AgentError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    writer.say(&ClientMessage::Request(Request::new(command))).await?;
    reader.hear().await
}

/// Asks on a stream of its own, `limit` for all of it.
async fn ask_once<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    command: Command,
    limit: Duration,
) -> Result<AgentMessage, AgentError> {
    let (reader, writer) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
    timeout(limit, ask(&mut reader, &mut writer, command)).await.map_err(|_| AgentError::TimedOut(limit))?
}

/// Asks who the agent is.
pub async fn hello<S>(stream: S, limit: Duration) -> Result<Greeting, AgentError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match ask_once(stream, Command::Hello, limit).await? {
        AgentMessage::Hello(greeting) => Ok(greeting),
        _ => Err(AgentError::Unexpected),
    }
}

/// Makes the machine another one. What could not be done is in the answer's `problems`.
pub async fn identity<S>(stream: S, identity: Identity, limit: Duration) -> Result<IdentityDone, AgentError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match ask_once(stream, Command::Identity(Box::new(identity)), limit).await? {
        AgentMessage::Identity(done) => Ok(done),
        _ => Err(AgentError::Unexpected),
    }
}
