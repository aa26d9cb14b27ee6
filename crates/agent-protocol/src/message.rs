//! Messages: what a client and an agent say in frames of [`Channel::Message`](crate::Channel).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Copied, Entry, Exec, Exit, Get, Identity, IdentityDone, Put, TerminalSize, VERSION};

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientMessage {
    /// The first of a connection, and only that.
    Request(Request),
    /// Sends a signal to the process and all of its session's foreground.
    Signal(Signal),
    /// The terminal's size changed.
    Resize(TerminalSize),
    /// Something of a tree that is put.
    Entry(Entry),
    /// No more data: of standard input, of the file that is being put, of this direction of a forwarded connection.
    End,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The version that the client speaks.
    pub version: u32,
    /// What to do.
    pub command: Command,
}

impl Request {
    /// A request in this version.
    pub fn new(command: Command) -> Self {
        Self { version: VERSION, command }
    }
}

/// What an agent can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Say who you are.
    Hello,
    /// Become another machine.
    Identity(Box<Identity>),
    /// Run a program.
    Exec(Exec),
    /// Send a file or directory.
    Get(Get),
    /// Take a file or directory.
    Put(Put),
    /// Connect to an address that can be reached from the guest.
    Forward(Forward),
}

/// A signal to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Its number on Linux, 1 to 64.
    pub number: i32,
}

/// Where to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The address; the guest itself is 127.0.0.1.
    pub address: IpAddr,
    /// The TCP port.
    pub port: u16,
}

/// What an agent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentMessage {
    /// Who the agent is.
    Hello(Greeting),
    /// The machine is another one.
    Identity(IdentityDone),
    /// The process runs.
    Started {
        /// Its id in the guest.
        pid: u32,
    },
    /// Standard input has room for so many bytes more than it was told of before.
    Room(Room),
    /// The process ended; all that it wrote was sent before.
    Exited(Exit),
    /// The stream begins.
    Ready,
    /// Something of a tree that is got.
    Entry(Entry),
    /// No more data, as in [`ClientMessage::End`].
    End,
    /// The whole tree was copied.
    Copied(Copied),
    /// It can't be done, or not any further.
    Failed(Failure),
}

/// Who an agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The newest version of the protocol that it speaks.
    pub version: u32,
    /// The oldest.
    pub oldest_version: u32,
    /// The version of its program.
    pub agent: String,
    /// The kernel's id of this boot.
    pub boot_id: String,
    /// The machine's own name.
    pub hostname: String,
    /// The machine's id; empty where it has none.
    #[serde(default)]
    pub machine_id: String,
}

/// Room for more standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Bytes.
    pub bytes: u32,
}

/// Why something can't be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of reason.
    pub code: FailureCode,
    /// The reason in words.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// The agent speaks other versions.
    Version,
    /// The request makes no sense.
    Invalid,
    /// What was named is not there: a program, a file, a user.
    NotFound,
    /// The guest's system refused, or failed.
    System,
    /// The agent does as much as it can already.
    Busy,
    /// A kind that a newer agent knows.
    #[serde(other)]
    Other,
}
