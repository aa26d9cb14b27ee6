//! Counters of a running machine, from its start. They only go up; a new process starts at 0.

use crate::spec::DiskEngine;
use serde::{Deserialize, Serialize};

/// All counters of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// Microseconds since the VMM's process began.
    pub uptime_us: u64,
    /// Microseconds from the begin of the process until the first vCPU ran.
    pub start_us: u64,
    /// One per vCPU.
    pub vcpus: Vec<VcpuMetrics>,
    /// One per disk, in the order of the specification.
    pub disks: Vec<DiskMetrics>,
    /// One per interface, in the order of the specification.
    pub nets: Vec<NetMetrics>,
    /// Sockets between host and guest.
    #[serde(default)]
    pub vsock: VsockMetrics,
    /// The balloon.
    #[serde(default)]
    pub balloon: BalloonMetrics,
    /// Memory that comes and goes.
    #[serde(default)]
    pub memory: MemoryMetrics,
    /// Bytes given by the entropy device.
    pub entropy_bytes: u64,
    /// Bytes the guest wrote to the console.
    pub console_out_bytes: u64,
    /// Bytes typed into the console.
    pub console_in_bytes: u64,
}

/// Counters of a vCPU.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VcpuMetrics {
    /// CPU time of the vCPU's thread in microseconds, guest and host together.
    pub cpu_time_us: u64,
    /// Exits to user space.
    pub exits: u64,
}

/// Counters of a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskMetrics {
    /// From the specification.
    pub id: String,
    /// Completed reads.
    pub read_ops: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Completed writes.
    pub write_ops: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Completed flushes.
    pub flush_ops: u64,
    /// Completed discards and write-zeroes.
    pub discard_ops: u64,
    /// Requests that ended in an error the guest was told of.
    pub errors: u64,
    /// What serves it.
    #[serde(default)]
    pub engine: DiskEngine,
}

/// Counters of a network interface, as the guest sees it: `rx` is what it receives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetMetrics {
    /// From the specification.
    pub id: String,
    /// Frames given to the guest.
    pub rx_packets: u64,
    /// Bytes given to the guest.
    pub rx_bytes: u64,
    /// Frames the guest had no room for or that were malformed.
    pub rx_dropped: u64,
    /// Frames sent by the guest.
    pub tx_packets: u64,
    /// Bytes sent by the guest.
    pub tx_bytes: u64,
    /// Frames of the guest that the tap refused or that were malformed.
    pub tx_dropped: u64,
    /// Pairs of queues that the guest uses. This is no counter.
    #[serde(default)]
    pub queue_pairs: u64,
}

/// Counters of the sockets between host and guest; `rx` is what the guest receives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VsockMetrics {
    /// Connections made, by either side.
    pub connections: u64,
    /// Connections and packets refused.
    pub refused: u64,
    /// Bytes given to the guest.
    pub rx_bytes: u64,
    /// Bytes of the guest.
    pub tx_bytes: u64,
}

/// What the balloon does. The first two are no counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalloonMetrics {
    /// MiB that the guest is asked to give up.
    pub target_mib: u64,
    /// MiB that it says it has given up.
    pub actual_mib: u64,
    /// Bytes that the host got back for that.
    pub inflated_bytes: u64,
    /// Bytes that the host got back because the guest reported them free.
    pub reported_bytes: u64,
}

/// The guest's memory in MiB. These are no counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryMetrics {
    /// What it can have.
    pub most_mib: u64,
    /// What it is asked to have.
    pub target_mib: u64,
    /// What it has. Less than the target until the guest has taken it up, more until it has given it back.
    pub actual_mib: u64,
}
