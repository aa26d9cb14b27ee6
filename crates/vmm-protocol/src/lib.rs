//! What the daemon and a VMM process say to each other: the machine specification a VMM is started with, the
//! files of its run directory, and the frames of its control socket. Types, framing and a small blocking client;
//! no policy. A VMM outlives the daemon that started it, so every form here is versioned and grows by adding only.
#![forbid(unsafe_code)]

pub mod client;
pub mod control;
pub mod fds;
pub mod frame;
pub mod hotplug;
pub mod limits;
pub mod memory;
pub mod metrics;
pub mod record;
pub mod rundir;
pub mod snapshot;
pub mod spec;

pub use client::{Client, ClientError};
pub use control::{
    Command, ConsoleChunk, ConsoleRead, ConsoleWrite, Hello, PROTOCOL_VERSION, Phase, Refusal, RefusalCode,
    Reply, Request, Response, Status, WaitStatus,
};
pub use hotplug::{AttachDisk, AttachNet, Detach, ResizeDisk};
pub use limits::{Bandwidth, Limits, Operations, SetLimits};
pub use memory::{BalloonTarget, MemoryTarget};
pub use metrics::Metrics;
pub use record::{ExitReason, ExitRecord, Identity};
pub use snapshot::{Restore, Snapshot, SnapshotInfo, SwapDisk, WorkingSet};
pub use spec::{
    BootProtocol, Disk, DiskEngine, DiskFormat, Layer, MachineSpec, NetInterface, SPEC_VERSION, Smbios,
    Source, TapSource, Vsock,
};
