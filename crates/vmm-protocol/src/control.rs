//! The control protocol: requests and responses, one JSON object a line (see [`crate::frame`]). A connection answers
//! its requests in order, so a supervisor that waits for changes uses a connection of its own for that. The VMM serves
//! up to 16 connections.

use crate::{
    AttachDisk, AttachNet, BalloonTarget, Detach, MemoryTarget, Metrics, ResizeDisk, SetLimits, Snapshot,
    SnapshotInfo, SwapDisk, WorkingSet,
};
use serde::{Deserialize, Serialize};

/// The version of this protocol. A VMM answers [`Command::Hello`] in every version; other commands are answered when
/// the versions are equal.
pub const PROTOCOL_VERSION: u32 = 1;

/// The most bytes one console read answers with and one console write may carry.
pub const MAX_CONSOLE_CHUNK: usize = 64 * 1024;

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client, repeated in the response.
    pub id: u64,
    /// How many descriptors go with this message, at most [`crate::fds::MAX_FDS`]. [`crate::Source::Fd`] of number
    /// `n` in the command is the one sent as number `n`, counted from 0.
    #[serde(default, skip_serializing_if = "crate::fds::none")]
    pub fds: u8,
    /// What to do.
    pub command: Command,
}

/// What a VMM can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Who are you? Answered with [`Reply::Hello`].
    Hello,
    /// What is the state? Answered with [`Reply::Status`].
    Status,
    /// As [`Command::Status`], but answered only when the generation is greater than the one given.
    WaitStatus(WaitStatus),
    /// Stop all vCPUs and device work; answered with [`Reply::Status`] when all is quiet. Pausing twice is well.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Press the ACPI power button. The guest decides what follows.
    PowerButton,
    /// End the machine at once. Answered with [`Reply::Done`] before the process ends.
    Kill,
    /// Read console output. Answered with [`Reply::Console`].
    ConsoleRead(ConsoleRead),
    /// Type into the serial console. Answered with [`Reply::Written`].
    ConsoleWrite(ConsoleWrite),
    /// Counters. Answered with [`Reply::Metrics`].
    Metrics,
    /// Save the machine, which has to be paused and stays so. Answered with [`Reply::Snapshot`].
    Snapshot(Snapshot),
    /// The same, into memory: answered with [`Reply::Snapshot`] and two sealed descriptors, the state and the memory,
    /// from which any number of machines may be restored.
    ForkBase,
    /// Put other files behind a disk, in which the guest finds the same bytes. The machine has to be paused. What was
    /// written before is on the old files when this is answered with [`Reply::Done`]; they are not touched any more.
    SwapDisk(SwapDisk),
    /// List the pages that were touched since the machine was restored. Answered with [`Reply::Pages`].
    WorkingSet(WorkingSet),
    /// Add a disk. Answered with [`Reply::Done`] when the guest has been told; it is there, found by its serial number,
    /// a moment later.
    AttachDisk(Box<AttachDisk>),
    /// Add an interface. Answered as the former.
    AttachNet(Box<AttachNet>),
    /// Take a disk or an interface away. Answered with [`Reply::Done`] when it is gone: without force when the guest has
    /// let go of it, which may be never. A client that hangs up meanwhile only stops to wait.
    Detach(Detach),
    /// Let a disk grow and tell the guest. Answered with [`Reply::Done`].
    ResizeDisk(ResizeDisk),
    /// Change the limits of a disk or an interface. Answered with [`Reply::Done`].
    SetLimits(SetLimits),
    /// Ask the guest to give up memory. Answered with [`Reply::Done`] when it has been asked; what it gave is in the
    /// metrics.
    Balloon(BalloonTarget),
    /// Ask the guest to have another amount of memory. Answered as the former.
    Memory(MemoryTarget),
}

/// Parameters of [`Command::WaitStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitStatus {
    /// The generation the client knows.
    pub after: u64,
}

/// Parameters of [`Command::ConsoleRead`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleRead {
    /// Offset of the first byte wanted, counted from the machine's start; nothing for the last `max` bytes. An offset
    /// before what is kept reads from the oldest byte kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The most bytes wanted; capped by [`MAX_CONSOLE_CHUNK`].
    pub max: u32,
    /// If there is nothing to read at `offset` yet, answer when there is. Ignored without an offset.
    #[serde(default)]
    pub wait: bool,
}

/// Parameters of [`Command::ConsoleWrite`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleWrite {
    /// What to type, at most [`MAX_CONSOLE_CHUNK`] bytes.
    #[serde(with = "crate::frame::base64_bytes")]
    pub data: Vec<u8>,
}

/// What a VMM answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// From the request; 0 when that could not be read.
    pub id: u64,
    /// How many descriptors go with this message, in the order in which the reply says.
    #[serde(default, skip_serializing_if = "crate::fds::none")]
    pub fds: u8,
    /// The answer.
    pub result: Result<Reply, Refusal>,
}

/// Answers to requests that were carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To hello.
    Hello(Hello),
    /// To status, wait-status, pause and resume.
    Status(Status),
    /// To power-button, kill and swap-disk.
    Done,
    /// To console-read.
    Console(ConsoleChunk),
    /// To console-write: how many bytes were taken. Fewer than sent means that the guest does not read its console.
    Written(u64),
    /// To metrics.
    Metrics(Box<Metrics>),
    /// To snapshot and fork-base.
    Snapshot(SnapshotInfo),
    /// To working-set: how many pages were listed.
    Pages(u64),
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people.
    pub message: String,
}

/// Kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    /// The frame is not a request of this version; the connection is closed after this.
    BadRequest,
    /// The machine's phase does not allow it.
    WrongPhase,
    /// Too many connections; closed after this.
    Busy,
    /// There is no such device.
    NotFound,
    /// There is such a device already.
    AlreadyThere,
    /// The machine can have no more of these.
    Full,
    /// Something failed in the VMM.
    Failed,
}

/// Answer to [`Command::Hello`]: what `identity.json` says, from the living process.
pub type Hello = crate::Identity;

/// The state of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Goes up by one with every change of this record.
    pub generation: u64,
    /// Where the machine is.
    pub phase: Phase,
    /// How often the power button was pressed.
    pub power_button_presses: u64,
    /// Whether the guest's kernel has set up a device (the first virtio driver said DRIVER_OK): it is alive.
    pub driver_seen: bool,
}

/// Where a machine is. There is no phase for the end: the connection closes and `exit.json` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Being built; the guest has not run.
    Starting,
    /// vCPUs run.
    Running,
    /// All is quiet after [`Command::Pause`].
    Paused,
    /// The end is decided and `exit.json` is being written.
    Exiting,
}

/// A piece of console output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleChunk {
    /// Offset of the first byte of `data`, counted from the machine's start.
    pub offset: u64,
    /// Offset of the next byte that the guest will write: `offset + data.len()` when this chunk is the newest.
    pub end: u64,
    /// The bytes.
    #[serde(with = "crate::frame::base64_bytes")]
    pub data: Vec<u8>,
}
