//! The machine port: one VMM process for each running instance.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use cumulet_model::catalogue::DiskBandwidth;
use cumulet_model::{Gib, InstanceId, InterfaceId, LaunchId, MacAddr, Mib, VolumeId};
use cumulet_vmm_protocol::{ConsoleChunk, ExitReason, Metrics, Smbios};
use tokio::sync::mpsc;

use crate::PortResult;
use crate::guest::BoxedGuestStream;
use crate::storage::{DiskChain, SavingFiles};

/// A machine to start.
#[derive(Debug)]
pub struct VmSpec {
    /// The instance.
    pub instance_id: InstanceId,
    /// This start of it.
    pub launch_id: LaunchId,
    /// vCPUs.
    pub vcpus: u32,
    /// Memory.
    pub memory: Mib,
    /// The most memory that the machine can be given while it runs: as at first and a multiple of 128 MiB. None for as
    /// much as it has.
    pub memory_max: Option<Mib>,
    /// Kernel file.
    pub kernel: PathBuf,
    /// Ramdisk file.
    pub initrd: Option<PathBuf>,
    /// Kernel command line.
    pub cmdline: String,
    /// Disks in the order in which the guest finds them.
    pub disks: Vec<VmDisk>,
    /// What the disks may do together. None is no limit.
    pub disk_bandwidth: Option<DiskBandwidth>,
    /// Interfaces in the order in which the guest finds them.
    pub interfaces: Vec<VmInterface>,
    /// SMBIOS strings.
    pub smbios: Smbios,
    /// A machine to begin from in place of the kernel, with as many vCPUs, as much memory and the same kinds of
    /// devices. The machine begins with a generation ID of its own.
    pub base: Option<VmBase>,
}

/// What a machine begins from.
#[derive(Debug, Clone)]
pub struct VmBase {
    /// The other machine.
    pub machine: MachineBase,
    /// The other's volumes and interfaces, with those that stand in their places here.
    pub renamed: BTreeMap<String, String>,
    /// Whether the machine stands still until [`VmHost::resume`].
    pub paused: bool,
}

/// A machine's state and memory, from which any number of others may begin.
#[derive(Debug, Clone)]
pub struct MachineBase {
    /// Registers and devices.
    pub state: Arc<OwnedFd>,
    /// The guest's memory.
    pub memory: Arc<OwnedFd>,
    /// What machines that begin from it touch first.
    pub touched: Touched,
}

/// The list of the pages that a machine touched in its first moments, once one was asked for it: the next ones that begin
/// alike fetch them ahead. A hint, and shared by its clones: whoever learns it, all know it.
#[derive(Debug, Clone, Default)]
pub struct Touched(Arc<TouchedList>);

#[derive(Debug, Default)]
struct TouchedList {
    list: OnceLock<OwnedFd>,
    asked: AtomicBool,
}

impl Touched {
    /// The list, to be read by position: all share the open file.
    pub fn list(&self) -> Option<&OwnedFd> {
        self.0.list.get()
    }

    /// Whether nobody has been asked for the list yet. Who gets a yes is to ask.
    pub fn begin_to_learn(&self) -> bool {
        !self.0.asked.swap(true, Ordering::Relaxed)
    }

    /// Keeps a list; the first one stays.
    pub fn learn(&self, list: OwnedFd) {
        let _ = self.0.list.set(list);
    }
}

/// A disk of a machine.
#[derive(Debug)]
pub struct VmDisk {
    /// The volume.
    pub volume_id: VolumeId,
    /// Its files.
    pub chain: DiskChain,
    /// Whether the guest may write.
    pub read_only: bool,
    /// What it may do each second.
    pub limits: Limits,
}

/// What a disk or interface may do each second. None is no limit.
pub type Limits = cumulet_model::volume_type::VolumeLimits;

/// A network interface of a machine.
#[derive(Debug)]
pub struct VmInterface {
    /// The interface.
    pub id: InterfaceId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its tap, open: each queue, at least one.
    pub tap: Vec<OwnedFd>,
    /// MTU that the guest is told.
    pub mtu: Option<u16>,
    /// What it may do each second.
    pub limits: Limits,
}

/// A VMM that the host was found to have or to have had, at the daemon's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundVm {
    /// The instance.
    pub instance_id: InstanceId,
    /// The start that it came from.
    pub launch_id: LaunchId,
    /// What became of it.
    pub state: FoundState,
}

/// What became of a found VMM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundState {
    /// It runs, and is watched from now on.
    Running,
    /// The same, but it stands still, as an earlier daemon's death has left it, until [`VmHost::resume`].
    Paused,
    /// It ended.
    Ended(VmEnd),
}

/// How a VMM ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VmEnd {
    /// It left its exit record.
    Recorded(ExitReason),
    /// It ended without a word: killed, or the host crashed.
    Silent,
}

/// What a VMM did by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmEvent {
    /// The instance.
    pub instance_id: InstanceId,
    /// The start that it came from.
    pub launch_id: LaunchId,
    /// How it ended.
    pub end: VmEnd,
}

/// The machines of this host.
#[async_trait]
pub trait VmHost: Send + Sync + 'static {
    /// Walks the run directories once, at the daemon's start: takes up the VMMs that run (lock held, identity checked)
    /// and tells how the others ended. A directory that makes no sense is set aside and logged. Ends of the VMMs taken
    /// up, and of all started later, go to `events`.
    async fn recover(&self, events: mpsc::UnboundedSender<VmEvent>) -> PortResult<Vec<FoundVm>>;

    /// Starts a machine and returns when its vCPUs run, or stand ready to where it is to begin paused. On an error nothing of it is left running; its console and
    /// exit record stay until the next start or [`VmHost::forget`].
    async fn start(&self, spec: VmSpec) -> PortResult<()>;

    /// Presses the power button. The end comes as an event.
    async fn power_button(&self, id: &InstanceId) -> PortResult<()>;

    /// Ends the machine at once and returns when it is gone. No such machine is a success.
    async fn kill(&self, id: &InstanceId) -> PortResult<()>;

    /// Whether a VMM runs for the instance.
    async fn is_running(&self, id: &InstanceId) -> bool;

    /// Reads the serial console: from `offset` (bytes since the machine's start), or its last `max` bytes. Works also
    /// after the machine's end, until it is forgotten. With `wait` an answer to an offset at the end of the output
    /// comes when there is more, or empty after some seconds or at the machine's end.
    async fn console(
        &self,
        id: &InstanceId,
        offset: Option<u64>,
        max: u32,
        wait: bool,
    ) -> PortResult<ConsoleChunk>;

    /// Types into the serial console; gives how many bytes were taken.
    async fn console_write(&self, id: &InstanceId, data: &[u8]) -> PortResult<u64>;

    /// Takes a running machine's state and memory, and puts files behind its disks that read the same; it stands still
    /// meanwhile and goes on in any case. After an error its disks are on the old files or on the new ones.
    async fn fork(&self, id: &InstanceId, disks: Vec<(VolumeId, DiskChain)>) -> PortResult<MachineBase>;

    /// Has a machine that began from `base` a moment ago tell what it has touched of its memory, for [`MachineBase::touched`].
    /// A host that can't do that does nothing.
    async fn learn_touched(&self, _id: &InstanceId, _base: &MachineBase) -> PortResult<()> {
        Ok(())
    }

    /// Saves a machine to two files. It stands still from then on, until [`VmHost::resume`] or [`VmHost::kill`]; after an
    /// error it goes on.
    async fn save(&self, id: &InstanceId, files: SavingFiles) -> PortResult<()>;

    /// Lets a machine that stands still go on. One that runs is a success.
    async fn resume(&self, id: &InstanceId) -> PortResult<()>;

    /// Puts other files behind disks of a running machine, in which the guest finds the same bytes. The machine stands
    /// still for the moment; when this returns, what was written before is in the old files, which are written to no more.
    async fn swap_disks(&self, id: &InstanceId, disks: Vec<(VolumeId, DiskChain)>) -> PortResult<()>;

    /// Plugs a disk into a running machine and returns when the machine has it; the guest finds it in its own time. A disk
    /// that is there already is a success.
    async fn attach_disk(&self, id: &InstanceId, disk: VmDisk) -> PortResult<()>;

    /// Plugs an interface into a running machine; as [`VmHost::attach_disk`].
    async fn attach_interface(&self, id: &InstanceId, interface: VmInterface) -> PortResult<()>;

    /// Asks the guest to let go of a disk or interface, by the volume's or interface's id, and returns at once; or with
    /// `force` takes it away without asking. When it has gone, [`VmHost::devices`] does not name it any more. A device
    /// that is not there is a success.
    async fn detach(&self, id: &InstanceId, device: &str, force: bool) -> PortResult<()>;

    /// The ids of the volumes and interfaces that a running machine has now.
    async fn devices(&self, id: &InstanceId) -> PortResult<Vec<String>>;

    /// Makes a disk of a running machine as big as `size`, its file included, and tells the guest. A disk that is as big
    /// already is a success.
    async fn resize_disk(&self, id: &InstanceId, volume: &VolumeId, size: Gib) -> PortResult<()>;

    /// Changes what a disk or interface of a running machine may do each second.
    async fn set_limits(&self, id: &InstanceId, device: &str, limits: Limits) -> PortResult<()>;

    /// Gives a running machine another amount of memory, in steps of 2 MiB, between what it had at first and the most it
    /// can have. The guest takes it up or gives it back when it can: what it has is in the metrics.
    async fn set_memory(&self, id: &InstanceId, memory: Mib) -> PortResult<()>;

    /// The processor time that a running machine has used since it was started, its devices' included.
    async fn cpu_time(&self, id: &InstanceId) -> PortResult<Duration>;

    /// Holds a running machine to so many thousandths of one processor, devices included; none for what its vCPUs can
    /// use. A host without control groups can't hold it, which it has said at its start.
    async fn limit_cpu(&self, id: &InstanceId, vcpus: u32, thousandths: Option<u32>) -> PortResult<()>;

    /// Connects to a vsock port of the guest; none where nobody listens there, which may change, or nobody answers.
    async fn connect_guest(&self, id: &InstanceId, port: u32) -> PortResult<Option<BoxedGuestStream>>;

    /// Counters.
    async fn metrics(&self, id: &InstanceId) -> PortResult<Metrics>;

    /// Removes the run directory of an instance that does not run. None is a success.
    async fn forget(&self, id: &InstanceId) -> PortResult<()>;
}
