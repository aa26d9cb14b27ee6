//! Files to and from the host.

use std::io;
use std::path::Path;

use cumulet_agent_protocol::{
    AgentMessage, Channel, ClientMessage, Entry, Failure, FailureCode, Frame, Get, Put,
};
use cumulet_file_tree::{Owner, Piece, Receiver, TreeError, send};

use crate::wire::{Reader, WireError, Writer};
use crate::{System, users};

/// Sends a tree.
pub fn get(get: &Get, writer: &Writer) -> Result<(), WireError> {
    if let Err(failure) = absolute(&get.path) {
        return writer.fail(failure);
    }
    // Said with the first piece: what can't be opened fails before anything is ready.
    let mut is_ready = false;
    let sent = send(Path::new(&get.path), &mut |piece| {
        if !std::mem::replace(&mut is_ready, true) {
            writer.say(&AgentMessage::Ready).map_err(io::Error::other)?;
        }
        let put = match piece {
            Piece::Entry(entry) => writer.say(&AgentMessage::Entry(entry)),
            Piece::Data(bytes) => writer.send(Channel::Data, bytes),
            Piece::End => writer.say(&AgentMessage::End),
        };
        put.map_err(io::Error::other)
    });
    match sent {
        Ok(copied) => writer.say(&AgentMessage::Copied(copied)),
        Err(TreeError::Gone(_)) => Ok(()),
        Err(error) => writer.fail(failure(&error)),
    }
}

/// Takes a tree.
pub fn put(put: &Put, reader: &mut Reader, writer: &Writer) -> Result<(), WireError> {
    let mut receiver = match begin(put) {
        Ok(receiver) => receiver,
        Err(failure) => return writer.fail(failure),
    };
    writer.say(&AgentMessage::Ready)?;
    loop {
        let Some(frame) = reader.next()? else { return Ok(()) };
        match take(&mut receiver, &frame) {
            Ok(false) => {}
            Ok(true) => return writer.say(&AgentMessage::Copied(receiver.copied().clone())),
            Err(failure) => return writer.fail(failure),
        }
    }
}

fn begin(put: &Put) -> Result<Receiver, Failure> {
    absolute(&put.path)?;
    let owner = match &put.owner {
        Some(owner) => users::owner(&System::real(), owner)?,
        None => Owner::default(),
    };
    Receiver::new(Path::new(&put.path), owner).map_err(|error| failure(&error))
}

fn take(receiver: &mut Receiver, frame: &Frame) -> Result<bool, Failure> {
    let invalid = |text: String| Failure::new(FailureCode::Invalid, text);
    let entry: Entry;
    let piece = match frame.channel {
        Channel::Data => Piece::Data(&frame.payload),
        _ => match frame.read_message().map_err(|error| invalid(error.to_string()))? {
            ClientMessage::Entry(begun) => {
                entry = begun;
                Piece::Entry(entry)
            }
            ClientMessage::End => Piece::End,
            _ => return Err(invalid("only a tree can come here".into())),
        },
    };
    receiver.take(piece).map_err(|error| failure(&error))
}

fn absolute(path: &str) -> Result<(), Failure> {
    if path.starts_with('/') && !path.contains('\0') {
        return Ok(());
    }
    let shown: String = path.chars().take(200).collect();
    Err(Failure::new(FailureCode::Invalid, format!("{shown:?} is no absolute path")))
}

fn failure(error: &TreeError) -> Failure {
    let code = match error {
        TreeError::Stream(_) => FailureCode::Invalid,
        error if error.is_not_found() => FailureCode::NotFound,
        _ => FailureCode::System,
    };
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    Failure::new(code, text)
}
