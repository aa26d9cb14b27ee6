//! What the host and `cumulet-agent`, which runs in a guest, say to each other over virtio-vsock.
//!
//! The agent listens on port [`PORT`]. A connection carries one [`Request`], which is the first frame, and what
//! belongs to it: an answer, and for some commands a stream of frames both ways. Several things at once are several
//! connections.
//!
//! | command | first answer | then from the client | then from the agent |
//! |---|---|---|---|
//! | [`Command::Hello`] | [`AgentMessage::Hello`] | | |
//! | [`Command::Identity`] | [`AgentMessage::Identity`] | | |
//! | [`Command::Exec`] | [`AgentMessage::Started`] | data (standard input), end, signal, resize | output, errors, room, and last [`AgentMessage::Exited`] |
//! | [`Command::Get`] | [`AgentMessage::Ready`] | | a tree: entries, data, end; and last [`AgentMessage::Copied`] |
//! | [`Command::Put`] | [`AgentMessage::Ready`] | a tree: entries, data, end | last [`AgentMessage::Copied`] |
//! | [`Command::Forward`] | [`AgentMessage::Ready`] | data, end | data, end |
//!
//! In place of any of the agent's messages may come [`AgentMessage::Failed`], which is the last. Who has said all
//! closes the connection; a client that closes earlier calls off what it asked for.
//!
//! A guest outlives many daemons, and its agent is as old as its image. So each request names the version that it
//! speaks, [`Command::Hello`] is answered in every version, and forms grow by adding fields that may be left out.
//! Both sides bound what they take: a frame by [`MAX_PAYLOAD`], standard input by [`STDIN_WINDOW`].
#![forbid(unsafe_code)]

pub mod exec;
pub mod files;
pub mod frame;
pub mod identity;
pub mod message;
pub mod net;

pub use exec::{Exec, Exit, TerminalSize};
pub use files::{Copied, Entry, Get, Put};
pub use frame::{Channel, Decoder, Frame, FrameError, MAX_PAYLOAD};
pub use identity::{HostKey, HostKeys, Identity, IdentityDone, Interface, Route, WallClock};
pub use message::{
    AgentMessage, ClientMessage, Command, Failure, FailureCode, Forward, Greeting, Request, Room, Signal,
};
pub use net::{Cidr, Mac};

/// The vsock port that the agent listens on.
pub const PORT: u32 = 1024;

/// The version of this protocol.
pub const VERSION: u32 = 1;

/// How many bytes of standard input a client may send before the agent gives it [`Room`] for more.
pub const STDIN_WINDOW: usize = 256 * 1024;

/// The most bytes of data that the sides of this implementation put into a frame.
pub const CHUNK: usize = 32 * 1024;
