//! A program run to its end, its output kept.

use std::time::Duration;

use cumulet_agent_protocol::{
    AgentMessage, Channel, ClientMessage, Command, Exec, Exit, Frame, STDIN_WINDOW,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::{AgentError, FrameReader, FrameWriter, ask};

/// How much is kept of what a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// Bytes of standard output, and as many of standard error.
    pub bytes: usize,
    /// How long all of it may take.
    pub time: Duration,
}

/// How a program ended, and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to standard output, as far as it was kept.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, as far as it was kept.
    pub stderr: Vec<u8>,
    /// Whether it wrote more than was kept.
    pub is_cut: bool,
}

/// Runs a program with `stdin` as its input. At the time limit its session is ended.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut exec: Exec,
    stdin: &[u8],
    limits: OutputLimits,
) -> Result<Finished, AgentError> {
    exec.stdin = !stdin.is_empty();
    let (reader, writer) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
    let whole = async {
        match ask(&mut reader, &mut writer, Command::Exec(exec)).await? {
            AgentMessage::Started { .. } => {}
            _ => return Err(AgentError::Unexpected),
        }
        follow(&mut reader, &mut writer, stdin, limits.bytes).await
    };
    timeout(limits.time, whole).await.map_err(|_| AgentError::TimedOut(limits.time))?
}

async fn follow<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    reader: &mut FrameReader<R>,
    writer: &mut FrameWriter<W>,
    mut stdin: &[u8],
    most: usize,
) -> Result<Finished, AgentError> {
    let mut finished =
        Finished { exit: Exit::Status(0), stdout: Vec::new(), stderr: Vec::new(), is_cut: false };
    let mut has_input = !stdin.is_empty();
    let mut room = STDIN_WINDOW;
    loop {
        if has_input && room > 0 {
            let (now, later) = stdin.split_at(stdin.len().min(room));
            writer.send(now).await?;
            (stdin, room) = (later, room - now.len());
            if stdin.is_empty() {
                writer.say(&ClientMessage::End).await?;
                has_input = false;
            }
        }
        let Frame { channel, payload } = reader.next().await?.ok_or(AgentError::Closed)?;
        let (kept, bytes) = match channel {
            Channel::Output => (&mut finished.stdout, payload),
            Channel::Errors => (&mut finished.stderr, payload),
            Channel::Data => return Err(AgentError::Unexpected),
            Channel::Message => match (Frame { channel, payload }).read_message()? {
                AgentMessage::Room(more) => {
                    room = room.saturating_add(more.bytes as usize);
                    continue;
                }
                AgentMessage::Exited(exit) => return Ok(Finished { exit, ..finished }),
                AgentMessage::Failed(failure) => return Err(AgentError::Failed(failure)),
                _ => return Err(AgentError::Unexpected),
            },
        };
        let fits = bytes.len().min(most.saturating_sub(kept.len()));
        kept.extend_from_slice(&bytes[..fits]);
        finished.is_cut |= fits < bytes.len();
    }
}
