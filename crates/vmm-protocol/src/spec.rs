//! The machine a VMM is to run, given as one JSON document at its start. It names what the VMM uses by descriptor
//! number (inherited from the supervisor) or, for use by hand, by path. Bounds are checked by the VMM, which answers
//! a bad document with [`crate::ExitReason::BadSpec`].

use crate::{Limits, Restore};
use serde::{Deserialize, Serialize};

/// The version of [`MachineSpec`] this crate describes.
pub const SPEC_VERSION: u32 = 1;

/// Everything that makes one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSpec {
    /// Always [`SPEC_VERSION`].
    pub version: u32,
    /// The instance this machine belongs to, for example `i-0123456789abcdef0`.
    pub instance_id: String,
    /// What tells one start of an instance from the next; chosen by the supervisor, echoed in every record.
    pub launch_id: String,
    /// Number of virtual CPUs, 1 to 64.
    pub vcpus: u32,
    /// Guest memory in MiB, at least 64.
    pub memory_mib: u64,
    /// The most memory in MiB that the guest can be asked to have while it runs ([`crate::Command::Memory`]): as at the
    /// start and a multiple of 128. When absent, its memory does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max_mib: Option<u64>,
    /// The KVM device; `/dev/kvm` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kvm: Option<Source>,
    /// Kernel image: bzImage or ELF vmlinux. There is either this or [`MachineSpec::restore`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Source>,
    /// Initial RAM disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<Source>,
    /// How the kernel is entered.
    #[serde(default)]
    pub boot: BootProtocol,
    /// Kernel command line, without the root disk or console being added by the VMM. At most 2047 bytes.
    #[serde(default)]
    pub cmdline: String,
    /// Block devices, in the order in which the guest finds them (`vda`, `vdb`, …). At most 22.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// How much all disks may do together, beside what each may: every one of these holds. At most 4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disk_limits: Vec<Limits>,
    /// Network interfaces, in the order in which the guest finds them. At most 8; with disks, entropy device, balloon and
    /// vsock at most 31, the slots of the bus.
    #[serde(default)]
    pub nets: Vec<NetInterface>,
    /// Whether the machine has an entropy device.
    #[serde(default = "yes")]
    pub entropy: bool,
    /// Whether the machine has a balloon: it can then be asked for memory, and reports what it does not use, which the
    /// host gets back.
    #[serde(default)]
    pub balloon: bool,
    /// Sockets between host and guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vsock: Option<Vsock>,
    /// VMGenID: a UUID, another one at each start and restore. A guest that finds it changed begins anew whatever must
    /// be unique, its random state first. Without one the guest has no such device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<String>,
    /// SMBIOS strings; without them the guest has no SMBIOS tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smbios: Option<Smbios>,
    /// How many bytes of console output are kept at least; files take up to twice this. 4 KiB to 64 MiB.
    #[serde(default = "default_console_bytes")]
    pub console_log_bytes: u64,
    /// Whether the VMM ends itself when the process that started it dies. For use by hand and in tests only: a
    /// daemon's guests outlive it.
    #[serde(default)]
    pub die_with_parent: bool,
    /// A saved machine to begin from. Everything else stands here as it was when it was saved, but sources may be
    /// others, and so may ids of the instance, hardware addresses of interfaces and serial numbers of disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
}

/// How a kernel is entered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootProtocol {
    /// The 64-bit protocol for Linux; for another ELF image PVH where it has an entry for it, else the 64-bit protocol.
    #[default]
    Auto,
    /// PVH: an ELF image with a Xen note of its 32-bit entry.
    Pvh,
    /// The 64-bit boot protocol of Linux.
    #[serde(rename = "linux64")]
    Linux64,
}

/// Something to be opened, or already open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An inherited descriptor.
    Fd(i32),
    /// A path, for use by hand.
    Path(String),
}

/// A block device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The volume this device shows, for example `vol-0123456789abcdef0`; unique in the machine.
    pub id: String,
    /// Serial number the guest reads, at most 20 bytes of printable ASCII (virtio 1.2, 5.2.6). EC2 shows a volume's
    /// id without the dash here, cut to 20 bytes.
    pub serial: String,
    /// Whether the guest may write.
    #[serde(default)]
    pub read_only: bool,
    /// The uppermost layer: the one that is written.
    pub layer: Layer,
    /// The layers beneath in order, the one next to [`Disk::layer`] first, each opened read-only. Names of backing
    /// files found inside an image are never opened: the chain is what stands here. Only a qcow2 layer can have one
    /// beneath it.
    #[serde(default)]
    pub backing: Vec<Layer>,
    /// How much it may do.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// What serves it. When nothing is said, io_uring where the host has it; what is named here has to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<DiskEngine>,
}

/// What serves a disk's requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskEngine {
    /// One request after the other.
    #[default]
    Synchronous,
    /// Many at a time, by io_uring(7).
    IoUring,
}

/// One file of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// How its bytes are laid out.
    pub format: DiskFormat,
    /// The file.
    pub source: Source,
}

/// Disk image formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskFormat {
    /// Bytes as they are.
    Raw,
    /// QEMU copy-on-write, version 2 or 3.
    Qcow2,
}

/// A network interface on a tap device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetInterface {
    /// The interface's id, for example `eni-0123456789abcdef0`; unique in the machine.
    pub id: String,
    /// Its hardware address, for example `02:00:00:00:00:01`.
    pub mac: String,
    /// The tap, or its first queue.
    pub tap: TapSource,
    /// Further queues of the same tap, at most 15, each attached with `IFF_MULTI_QUEUE` as the first is then: for each the
    /// guest has a pair of queues, and the VMM a thread. For machines with several vCPUs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_queues: Vec<TapSource>,
    /// What the guest is told to use as MTU, 68 to 65535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// How much it may do.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
}

/// Where a tap comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TapSource {
    /// An inherited descriptor of `/dev/net/tun`, attached with `IFF_TAP | IFF_NO_PI | IFF_VNET_HDR`. The VMM sets the
    /// header size and the offloads.
    Fd(i32),
    /// The name of an existing tap in the VMM's own network namespace, for use by hand.
    Name(String),
}

/// Sockets between host and guest (virtio-vsock). A process of the host that connects to [`crate::rundir::VSOCK_SOCKET`]
/// and sends `CONNECT <port>\n` gets `OK <host port>\n` and then has a stream to that port of the guest. A guest that
/// connects to port `P` of CID 2 reaches what listens on the same path with `_P` behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vsock {
    /// The guest's address, 3 to 4294967294. Guests don't see each other, so they may all have the same.
    pub cid: u32,
    /// A descriptor of a listening unix socket, in place of the one that the VMM makes in its run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<Source>,
}

/// SMBIOS strings; the field names are those of `/sys/class/dmi/id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smbios {
    /// `product_uuid` exactly as the guest reads it in lower case, for example `ec2f1a2b-…`; the VMM does the byte
    /// swapping of SMBIOS 2.6.
    pub product_uuid: String,
    /// `product_serial`; EC2 repeats the UUID.
    pub product_serial: String,
    /// `sys_vendor`, for example `Amazon EC2`.
    pub sys_vendor: String,
    /// `product_name`, for example the instance type.
    pub product_name: String,
    /// `bios_vendor`.
    pub bios_vendor: String,
    /// `bios_version`.
    pub bios_version: String,
    /// `chassis_asset_tag`.
    pub chassis_asset_tag: String,
    /// `board_asset_tag`; EC2 shows the instance id here.
    pub board_asset_tag: String,
}

fn yes() -> bool {
    true
}

fn default_console_bytes() -> u64 {
    1 << 20
}
