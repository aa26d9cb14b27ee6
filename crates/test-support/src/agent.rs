//! An agent that greets, and becomes whoever it is told to be, on paper.

use std::sync::{Arc, Mutex};

use cumulet_agent_client::FrameReader;
use cumulet_agent_client::protocol::{
    AgentMessage, ClientMessage, Command, Failure, FailureCode, Frame, Greeting, Identity, IdentityDone,
    VERSION,
};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

/// A stream to such an agent, which notes the identities that it gets.
pub fn tame_agent(identities: Arc<Mutex<Vec<Identity>>>) -> DuplexStream {
    let (ours, theirs) = duplex(1 << 16);
    tokio::spawn(async move {
        let (reader, mut writer) = tokio::io::split(theirs);
        let mut reader = FrameReader::new(reader);
        while let Ok(Some(frame)) = reader.next().await {
            let Ok(ClientMessage::Request(request)) = frame.read_message() else { return };
            let Ok(answer) = Frame::message(&answer(request.command, &identities)) else { return };
            let Ok(bytes) = answer.encode() else { return };
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    ours
}

fn answer(command: Command, identities: &Mutex<Vec<Identity>>) -> AgentMessage {
    match command {
        Command::Hello => AgentMessage::Hello(Greeting {
            version: VERSION,
            oldest_version: VERSION,
            agent: "tame".into(),
            boot_id: String::new(),
            hostname: "tame".into(),
            machine_id: String::new(),
        }),
        Command::Identity(identity) => {
            identities.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(*identity);
            AgentMessage::Identity(IdentityDone::default())
        }
        _ => AgentMessage::Failed(Failure::new(FailureCode::Invalid, "a tame agent does nothing")),
    }
}
