//! From a machine's spec to a process: opens what the VMM is to use, writes the specification, spawns.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cumulet_ports::storage::{self, DiskLayer};
use cumulet_ports::vm_host::{VmDisk, VmInterface, VmSpec};
use cumulet_vmm_protocol::{
    BootProtocol, Disk, DiskFormat, Layer, MachineSpec, NetInterface, SPEC_VERSION, Source, TapSource, Vsock,
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
    let mut inherited = Inherited::default();
    let instance_id = spec.instance_id.clone();
    let document = describe_machine(config, spec, &mut inherited)?;
    let bytes = serde_json::to_vec_pretty(&document)
        .map_err(|error| SupervisorError::io("write a specification")(error.into()))?;
    write_new(&dir.spec(), &bytes).map_err(SupervisorError::io("write a specification"))?;
    let log = dir.create_log().map_err(SupervisorError::io("make a VMM's log"))?;
    inherited.0.push(alive::take(dir.path()).map_err(SupervisorError::io("take a VMM's lock"))?);

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
    let child = spawn(&mut command, &inherited.0).map_err(|source| SupervisorError::Open {
        what: format!("program {}", Path::new(command.get_program()).display()),
        source,
    })?;
    Ok(Launched { child, spec_digest: hex(&Sha256::digest(&bytes)) })
}

/// Descriptors that the VMM inherits under their own numbers. Closed here once it is spawned.
#[derive(Debug, Default)]
struct Inherited(Vec<OwnedFd>);

impl Inherited {
    fn add(&mut self, fd: impl Into<OwnedFd>) -> i32 {
        let fd = fd.into();
        let number = fd.as_raw_fd();
        self.0.push(fd);
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
    inherited: &mut Inherited,
) -> Result<MachineSpec, SupervisorError> {
    let initrd = spec.initrd.as_deref().map(|path| inherited.open("ramdisk", path, false)).transpose()?;
    let disks = spec.disks.iter().map(|disk| describe_disk(disk, inherited)).collect::<Result<_, _>>()?;
    Ok(MachineSpec {
        version: SPEC_VERSION,
        instance_id: spec.instance_id.into(),
        launch_id: spec.launch_id.into(),
        vcpus: spec.vcpus,
        memory_mib: spec.memory.0,
        kvm: Some(inherited.open("KVM device", &config.kvm, true)?),
        kernel: Some(inherited.open("kernel", &spec.kernel, false)?),
        initrd,
        boot: BootProtocol::Auto,
        cmdline: spec.cmdline,
        disks,
        nets: spec.interfaces.into_iter().map(|net| describe_net(net, inherited)).collect(),
        entropy: true,
        vsock: Some(Vsock { cid: GUEST_CID, listener: None }),
        generation_id: None,
        smbios: Some(spec.smbios),
        console_log_bytes: config.console_log_bytes,
        die_with_parent: false,
        restore: None,
    })
}

/// Layers beneath the first may be shared with other machines and are never opened for writing.
fn describe_disk(disk: &VmDisk, inherited: &mut Inherited) -> Result<Disk, SupervisorError> {
    let mut open = |layer: &DiskLayer, write: bool| {
        let source = inherited.open(format!("disk {}", disk.volume_id), &layer.path, write)?;
        let format = match layer.format {
            storage::DiskFormat::Raw => DiskFormat::Raw,
            storage::DiskFormat::Qcow2 => DiskFormat::Qcow2,
        };
        Ok::<_, SupervisorError>(Layer { format, source })
    };
    let (top, beneath) = disk
        .chain
        .layers
        .split_first()
        .ok_or_else(|| SupervisorError::NoLayers(disk.volume_id.to_string()))?;
    Ok(Disk {
        id: disk.volume_id.to_string(),
        serial: format!("vol{}", disk.volume_id.digits()),
        read_only: disk.read_only,
        layer: open(top, !disk.read_only)?,
        backing: beneath.iter().map(|layer| open(layer, false)).collect::<Result<_, _>>()?,
        limits: Default::default(),
    })
}

fn describe_net(net: VmInterface, inherited: &mut Inherited) -> NetInterface {
    NetInterface {
        id: net.id.into(),
        mac: net.mac.to_string(),
        tap: TapSource::Fd(inherited.add(net.tap)),
        mtu: net.mtu,
        limits: Default::default(),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
