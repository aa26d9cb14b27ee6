//! From a machine's spec to a process: opens what the VMM is to use, writes the specification, spawns.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cumulet_model::VolumeId;
use cumulet_model::catalogue::DiskBandwidth;
use cumulet_ports::storage::{self, DiskChain, DiskLayer};
use cumulet_ports::vm_host::{self, VmBase, VmDisk, VmInterface, VmSpec};
use cumulet_vmm_protocol::limits::{Bandwidth, Limits, Operations};
use cumulet_vmm_protocol::{
    BootProtocol, Disk, DiskFormat, Layer, MachineSpec, NetInterface, Restore, SPEC_VERSION, Source,
    TapSource, Vsock,
};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::SupervisorConfig;
use crate::alive;
use crate::error::SupervisorError;
use crate::jail::Jails;
use crate::run_dir::RunDir;
use crate::sys;

/// The guest's vsock address: guests don't see one another's.
const GUEST_CID: u32 = 3;

/// A process that was spawned and not yet heard of.
#[derive(Debug)]
pub struct Launched {
    /// A child of ours that nobody has reaped.
    pub child: Child,
    /// What it must say it was given.
    pub spec_digest: String,
}

impl Launched {
    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// Makes the run directory and spawns the VMM there. Blocking.
pub fn launch(
    config: &SupervisorConfig,
    jails: Option<&Jails>,
    dir: &RunDir,
    spec: VmSpec,
) -> Result<Launched, SupervisorError> {
    if let Some(jails) = jails {
        jails.release(dir.path(), &spec.instance_id);
    }
    dir.make().map_err(SupervisorError::io("make a run directory"))?;
    let cell = jails.map(|jails| jails.cell(dir.path(), &spec)).transpose()?;
    let mut inherited = Handed::default();
    let instance_id = spec.instance_id.clone();
    let document = describe_machine(config, spec, &mut inherited)?;
    let bytes = serde_json::to_vec_pretty(&document)
        .map_err(|error| SupervisorError::io("write a specification")(error.into()))?;
    write_new(&dir.spec(), &bytes).map_err(SupervisorError::io("write a specification"))?;
    let log = dir.create_log().map_err(SupervisorError::io("make a VMM's log"))?;
    inherited.fds.push(alive::take(dir.path()).map_err(SupervisorError::io("take a VMM's lock"))?);

    // In its jail a VMM can't open the file, which is the supervisor's.
    let Source::Fd(spec_fd) = inherited.open("specification", &dir.spec(), false)? else { unreachable!() };
    let spec_place = format!("fd:{spec_fd}");
    let mut command = match &cell {
        Some(cell) => cell.command(&config.vmm_program, dir.path(), &["--spec".into(), spec_place]),
        None => {
            warn!(instance = %instance_id, "a machine starts WITHOUT A JAIL");
            let mut command = Command::new(&config.vmm_program);
            command.arg("--spec").arg(spec_place).arg("--run-dir").arg(dir.path());
            command
        }
    };
    command.current_dir("/").env_clear().env("RUST_BACKTRACE", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let no_program = |source| SupervisorError::Open {
        what: format!("VMM's program {}", config.vmm_program.display()),
        source,
    };
    // The jailer would find it missing too, and say so only in a log.
    File::open(&config.vmm_program).map_err(no_program)?;
    let spawn = if cell.is_some() { sys::spawn_first } else { sys::spawn_detached };
    let child = spawn(&mut command, &inherited.fds).map_err(|source| SupervisorError::Open {
        what: format!("program {}", Path::new(command.get_program()).display()),
        source,
    })?;
    Ok(Launched { child, spec_digest: hex(&Sha256::digest(&bytes)) })
}

/// Descriptors that a VMM gets: at its start under their own numbers, later with a command, by their place in it. Closed
/// here once they are handed over.
#[derive(Debug, Default)]
pub struct Handed {
    fds: Vec<OwnedFd>,
    by_place: bool,
}

impl Handed {
    /// Descriptors that go with a command.
    pub fn to_running() -> Self {
        Self { fds: Vec::new(), by_place: true }
    }

    /// The descriptors in their order.
    pub fn into_fds(self) -> Vec<OwnedFd> {
        self.fds
    }

    fn add(&mut self, fd: impl Into<OwnedFd>) -> i32 {
        let fd = fd.into();
        let place = i32::try_from(self.fds.len()).unwrap_or(i32::MAX);
        let number = if self.by_place { place } else { fd.as_raw_fd() };
        self.fds.push(fd);
        number
    }

    fn open(&mut self, what: impl Into<String>, path: &Path, write: bool) -> Result<Source, SupervisorError> {
        let file = File::options().read(true).write(write).open(path);
        let file = file.map_err(|source| SupervisorError::Open { what: what.into(), source })?;
        Ok(Source::Fd(self.add(file)))
    }
}

fn describe_machine(
    config: &SupervisorConfig,
    spec: VmSpec,
    inherited: &mut Handed,
) -> Result<MachineSpec, SupervisorError> {
    let initrd = spec.initrd.as_deref().filter(|_| spec.base.is_none());
    let initrd = initrd.map(|path| inherited.open("ramdisk", path, false)).transpose()?;
    let disks = spec.disks.iter().map(|disk| describe_disk(disk, inherited)).collect::<Result<_, _>>()?;
    Ok(MachineSpec {
        version: SPEC_VERSION,
        instance_id: spec.instance_id.into(),
        launch_id: spec.launch_id.into(),
        vcpus: spec.vcpus,
        memory_mib: spec.memory.0,
        memory_max_mib: spec.memory_max.map(|memory| memory.0),
        kvm: Some(inherited.open("KVM device", &config.kvm, true)?),
        kernel: match spec.base {
            None => Some(inherited.open("kernel", &spec.kernel, false)?),
            Some(_) => None,
        },
        initrd,
        boot: BootProtocol::Auto,
        cmdline: spec.cmdline,
        disks,
        disk_limits: spec.disk_bandwidth.map(limits_together).unwrap_or_default(),
        nets: spec.interfaces.into_iter().map(|net| describe_net(net, inherited)).collect(),
        entropy: true,
        balloon: true,
        vsock: Some(Vsock { cid: GUEST_CID, listener: None }),
        generation_id: Some(fresh_uuid(rand::random())),
        smbios: Some(spec.smbios),
        console_log_bytes: config.console_log_bytes,
        die_with_parent: false,
        restore: spec.base.map(|base| describe_base(base, inherited)).transpose()?,
    })
}

fn describe_base(base: VmBase, inherited: &mut Handed) -> Result<Restore, SupervisorError> {
    let mut hand = |fd: &OwnedFd| {
        let fd = fd.try_clone().map_err(SupervisorError::io("duplicate a descriptor"))?;
        Ok::<_, SupervisorError>(Source::Fd(inherited.add(fd)))
    };
    let (state, memory) = (hand(&base.machine.state)?, hand(&base.machine.memory)?);
    let prefetch = base.machine.touched.list().map(hand).transpose()?;
    Ok(Restore { state, memory, prefetch, renamed: base.renamed, paused: base.paused })
}

/// A UUID of version 4 (RFC 9562, 5.4) from random bits.
fn fresh_uuid(random: u128) -> String {
    let bits = random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{bits:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// Layers beneath the first may be shared with other machines and are never opened for writing.
pub fn describe_disk(disk: &VmDisk, handed: &mut Handed) -> Result<Disk, SupervisorError> {
    let (layer, backing) = describe_layers(&disk.volume_id, &disk.chain, !disk.read_only, handed)?;
    Ok(Disk {
        id: disk.volume_id.to_string(),
        serial: format!("vol{}", disk.volume_id.digits()),
        read_only: disk.read_only,
        layer,
        backing,
        limits: limits_of(disk.limits),
        engine: None,
    })
}

/// Opens a disk's files: the uppermost for writing if that is wanted, those beneath for reading.
pub fn describe_layers(
    id: &VolumeId,
    chain: &DiskChain,
    write: bool,
    handed: &mut Handed,
) -> Result<(Layer, Vec<Layer>), SupervisorError> {
    let mut open = |layer: &DiskLayer, write: bool| {
        let source = handed.open(format!("disk {id}"), &layer.path, write)?;
        let format = match layer.format {
            storage::DiskFormat::Raw => DiskFormat::Raw,
            storage::DiskFormat::Qcow2 => DiskFormat::Qcow2,
        };
        Ok::<_, SupervisorError>(Layer { format, source })
    };
    let (top, beneath) =
        chain.layers.split_first().ok_or_else(|| SupervisorError::NoLayers(id.to_string()))?;
    let top = open(top, write)?;
    Ok((top, beneath.iter().map(|layer| open(layer, false)).collect::<Result<_, _>>()?))
}

/// Describes an interface.
pub fn describe_net(net: VmInterface, inherited: &mut Handed) -> NetInterface {
    let mut queues = net.tap.into_iter().map(|queue| TapSource::Fd(inherited.add(queue)));
    NetInterface {
        id: net.id.into(),
        mac: net.mac.to_string(),
        tap: queues.next().expect("a tap has a queue"),
        more_queues: queues.collect(),
        mtu: net.mtu,
        limits: limits_of(net.limits),
    }
}

/// Limits of all disks together: at any moment, and over time.
fn limits_together(bandwidth: DiskBandwidth) -> Vec<Limits> {
    let baseline = limits_of(bandwidth.baseline());
    let burst = bandwidth.burst();
    let over_time = Limits {
        bandwidth: baseline.bandwidth.map(|limit| Bandwidth {
            burst_bytes: limit.burst_bytes.max(burst.bytes.unwrap_or_default()),
            ..limit
        }),
        operations: baseline
            .operations
            .map(|limit| Operations { burst: limit.burst.max(burst.iops.unwrap_or_default()), ..limit }),
    };
    vec![limits_of(bandwidth.maximum()), over_time]
}

/// Limits with a second's worth of burst.
pub fn limits_of(limits: vm_host::Limits) -> Limits {
    Limits {
        bandwidth: limits.bytes.map(|bytes| Bandwidth { bytes_per_second: bytes, burst_bytes: bytes }),
        operations: limits.iops.map(|iops| Operations { per_second: iops, burst: iops }),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_uuid_says_that_it_is_random() {
        assert_eq!(fresh_uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(fresh_uuid(0), "00000000-0000-4000-8000-000000000000");
    }
}
