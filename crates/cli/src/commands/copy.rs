//! `cumulet cp`: files and directories into an instance and out of it.
//!
//! Files are read and written in a thread; a bounded channel carries the pieces between it and the connection.

use std::path::{Path, PathBuf};

use clap::Args;
use cumulet_client::agent::protocol::{
    AgentMessage, Channel, ClientMessage, Copied, Entry, Frame, FrameError,
};
use cumulet_client::types::guest::{GetFiles, PutFiles};
use cumulet_client::{AgentStream, Error};
use cumulet_file_tree::{Owner, Piece, Receiver, TreeError, send};
use tokio::sync::mpsc;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{self, Progress};
use crate::resolve;

/// Pieces under way between the thread and the connection.
const UNDER_WAY: usize = 16;

/// Copy a file or directory into an instance, or out of it, by the agent in its guest.
///
/// One of the two is INSTANCE:PATH with an absolute path. A target that is a directory gets the source under its own
/// name. Permissions and times are kept, symbolic links stay links. It needs no network and no key, but an image that
/// has cumulet-agent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet cp setup.sh web:/root/
  cumulet cp --owner debian site web:/srv/site
  cumulet cp web:/var/log .")]
pub struct Copy {
    /// What to copy
    source: String,
    /// Where to
    target: String,
    /// Who is to own it in the instance: USER, USER:GROUP or :GROUP [default: root]
    #[arg(short, long)]
    owner: Option<String>,
}

/// One end of a copy.
#[derive(Debug, PartialEq, Eq)]
enum End<'a> {
    Here(&'a str),
    There { instance: &'a str, path: &'a str },
}

/// `NAME:PATH` where no slash is before the colon, as scp has it; all else is a path here.
fn end(text: &str) -> End<'_> {
    match text.split_once(':') {
        Some((instance, path)) if !instance.is_empty() && !instance.contains('/') => {
            End::There { instance, path }
        }
        _ => End::Here(text),
    }
}

impl Copy {
    pub async fn run(self, context: &Context) -> Result<()> {
        let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
        let copied = match (end(&self.source), end(&self.target)) {
            (End::Here(source), End::There { instance, path }) => {
                let instance = resolve::instance(&context.client, instance).await?;
                let put = PutFiles { path: absolute(path)?, owner: self.owner.clone() };
                // Else the instance would be asked for nothing.
                let source = PathBuf::from(source);
                source.metadata().map_err(Failure::io(format!("cannot read {}", source.display())))?;
                into(context.client.put_files(&instance.id, &put).await?, source, context.json).await?
            }
            (End::There { instance, path }, End::Here(target)) => {
                if self.owner.is_some() {
                    return usage("--owner is for what is copied into an instance");
                }
                let instance = resolve::instance(&context.client, instance).await?;
                let receiver = Receiver::new(Path::new(target), Owner::default()).map_err(tree)?;
                let get = GetFiles { path: absolute(path)? };
                out_of(context.client.get_files(&instance.id, &get).await?, receiver, context.json).await?
            }
            (End::Here(_), End::Here(_)) => {
                return usage("one of the two must be in an instance, as in web:/root/file");
            }
            _ => return usage("one of the two must be here: copy to a file, and from it"),
        };
        for left in &copied.left_out {
            let left: String = left.chars().filter(|c| !c.is_control()).collect();
            eprintln!("cumulet: left out {left}");
        }
        if !context.printed_json(&serde_json::json!({
            "entries": copied.entries, "bytes": copied.bytes, "left_out": copied.left_out,
        }))? {
            eprintln!("Copied {}", told(&copied));
        }
        if copied.left_out.is_empty() { Ok(()) } else { Err(Failure::Told) }
    }
}

fn absolute(path: &str) -> Result<String> {
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    Err(Failure::Usage(format!("{path:?}: a path in an instance begins with /")))
}

fn told(copied: &Copied) -> String {
    let things =
        if copied.entries == 1 { "1 entry".to_owned() } else { format!("{} entries", copied.entries) };
    format!("{things}, {}", output::bytes(copied.bytes))
}

/// A piece that owns what it carries.
enum Owned {
    Entry(Entry),
    Data(Vec<u8>),
    End,
}

/// Sends what is at `source`, and waits until the agent has it whole.
async fn into(stream: AgentStream, source: PathBuf, quiet: bool) -> Result<Copied> {
    let AgentStream { mut reader, mut writer, .. } = stream;
    let (sender, mut pieces) = mpsc::channel(UNDER_WAY);
    let reads = tokio::task::spawn_blocking(move || {
        send(&source, &mut |piece| {
            let owned = match piece {
                Piece::Entry(entry) => Owned::Entry(entry),
                Piece::Data(bytes) => Owned::Data(bytes.to_vec()),
                Piece::End => Owned::End,
            };
            sender.blocking_send(owned).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
        })
    });
    let sends = async {
        let mut progress = Progress::new(quiet);
        let mut sent = Copied::default();
        while let Some(piece) = pieces.recv().await {
            match piece {
                Owned::Entry(entry) => {
                    sent.entries += 1;
                    writer.say(&ClientMessage::Entry(entry)).await
                }
                Owned::Data(bytes) => {
                    sent.bytes += bytes.len() as u64;
                    progress.tell(&format!("copying: {}", told(&sent)));
                    writer.send(&bytes).await
                }
                Owned::End => writer.say(&ClientMessage::End).await,
            }?;
        }
        Ok::<(), cumulet_client::agent::AgentError>(())
    };
    let hears = async { reader.hear().await };
    tokio::pin!(hears);
    // The agent may refuse while there is still something to send.
    let answer = tokio::select! {
        answer = &mut hears => Some(answer),
        sent = sends => match sent {
            Ok(()) => None,
            // It closed the connection: it has said why.
            Err(error) => Some(hears.as_mut().await.map_err(|_| error)),
        },
    };
    drop(pieces);
    let read = reads.await.map_err(|error| Failure::Other(error.to_string()))?;
    let answer = match (read, answer) {
        (Err(error), None) => return Err(tree(error)),
        (read, None) => {
            let answer = hears.await;
            return finish(answer, read.map_err(tree)?);
        }
        (_, Some(answer)) => answer,
    };
    finish(answer, Copied::default())
}

/// What the agent has, with what was left out here.
fn finish(
    answer: std::result::Result<AgentMessage, cumulet_client::agent::AgentError>,
    sent: Copied,
) -> Result<Copied> {
    match answer.map_err(of_agent)? {
        AgentMessage::Copied(copied) => Ok(Copied { left_out: sent.left_out, ..copied }),
        _ => Err(nonsense()),
    }
}

/// Takes what the agent sends.
async fn out_of(stream: AgentStream, mut receiver: Receiver, quiet: bool) -> Result<Copied> {
    let AgentStream { mut reader, .. } = stream;
    let (sender, mut frames) = mpsc::channel::<Frame>(UNDER_WAY);
    let writes = tokio::task::spawn_blocking(move || {
        while let Some(frame) = frames.blocking_recv() {
            if take(&mut receiver, &frame)? {
                return Ok(());
            }
        }
        Err(nonsense())
    });
    let hears = async {
        let mut progress = Progress::new(quiet);
        let mut seen = Copied::default();
        while let Some(frame) = reader.next().await.map_err(Error::from)? {
            if frame.channel == Channel::Data {
                seen.bytes += frame.payload.len() as u64;
                progress.tell(&format!("copying: {}", told(&seen)));
            } else {
                match frame.read_message().map_err(unreadable)? {
                    AgentMessage::Copied(copied) => return Ok(copied),
                    AgentMessage::Failed(failure) => return Err(Failure::Other(failure.message)),
                    _ => seen.entries += 1,
                }
            }
            if sender.send(frame).await.is_err() {
                break;
            }
        }
        Err(Failure::Other("the instance broke off: it stopped, or its agent did".into()))
    };
    let heard = hears.await;
    drop(sender);
    let written = writes.await.map_err(|error| Failure::Other(error.to_string()))?;
    match (heard, written) {
        (Ok(copied), Ok(())) => Ok(copied),
        // What went wrong here made the connection end.
        (Err(_), Err(failure @ Failure::Io { .. })) => Err(failure),
        (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
    }
}

fn take(receiver: &mut Receiver, frame: &Frame) -> Result<bool> {
    let piece = match frame.channel {
        Channel::Data => Piece::Data(&frame.payload),
        _ => match frame.read_message().map_err(unreadable)? {
            AgentMessage::Entry(entry) => Piece::Entry(entry),
            AgentMessage::End => Piece::End,
            _ => return Err(nonsense()),
        },
    };
    receiver.take(piece).map_err(tree)
}

/// A file or directory of ours.
fn tree(error: TreeError) -> Failure {
    match error {
        TreeError::Io { verb, path, source } => Failure::Io { what: format!("cannot {verb} {path}"), source },
        TreeError::Stream(_) => Failure::Other(error.to_string()),
        other => Failure::Other(other.to_string()),
    }
}

fn of_agent(error: cumulet_client::agent::AgentError) -> Failure {
    match error {
        cumulet_client::agent::AgentError::Failed(failure) => Failure::Other(failure.message),
        other => Failure::from(Error::from(other)),
    }
}

fn unreadable(error: FrameError) -> Failure {
    Failure::Other(format!("the instance's agent says what makes no sense: {error}"))
}

fn nonsense() -> Failure {
    Failure::Other("the instance's agent sends what makes no sense".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_in_an_instance_has_a_colon_before_any_slash() {
        assert_eq!(end("web:/a"), End::There { instance: "web", path: "/a" });
        assert_eq!(end("i-0123:/a:b"), End::There { instance: "i-0123", path: "/a:b" });
        for here in ["a", "./web:/a", "/a:b", ":/a", ""] {
            assert_eq!(end(here), End::Here(here));
        }
        assert!(absolute("a").is_err() && absolute("").is_err());
    }
}
