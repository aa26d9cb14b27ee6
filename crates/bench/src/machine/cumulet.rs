//! Machines of ours, started by the specification and in the jail that the daemon gives them.

use super::{CID, CMDLINE, Guest, Host, Prepared, Running, Tap, command_for};
use crate::error::{BenchError, Result};
use cumulet_jailer::cgroup::{self, Cgroups, Limits};
use cumulet_jailer::uids::{self, Uids};
use cumulet_vmm_protocol::rundir::{CONTROL_SOCKET, VSOCK_SOCKET};
use cumulet_vmm_protocol::{
    Client, Disk, DiskFormat, Layer, MachineSpec, NetInterface, Restore, SPEC_VERSION, Source, Vsock,
};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What jails have in common.
#[derive(Debug)]
pub struct Jails {
    uids: Uids,
    cgroups: Cgroups,
}

impl Jails {
    /// Those of this host, made ready.
    pub fn prepare() -> Self {
        Self { uids: Uids::new(uids::DIR), cgroups: Cgroups::prepare() }
    }

    /// Takes back what all have in common, unless a daemon's machines need it.
    pub fn leave(&self) {
        cgroup::leave();
        // What stays behind is found by the next one that makes jails.
        let _ = self.uids.leave();
    }
}

/// One machine's jail, to be given back.
#[derive(Debug)]
pub struct Cell {
    uids: Uids,
    groups: Vec<PathBuf>,
}

impl Cell {
    /// When the process is gone.
    pub fn give_back(self, dir: &Path) {
        // What stays behind is found by the next one that makes jails.
        let _ = self.uids.release(dir);
        let _ = cgroup::remove(&self.groups);
    }
}

/// What a machine may begin from.
#[derive(Debug)]
pub struct Saved {
    /// Registers and devices.
    pub state: OwnedFd,
    /// Guest memory.
    pub memory: OwnedFd,
    /// Pages to fetch ahead.
    pub prefetch: Option<OwnedFd>,
}

/// Descriptors that the VMM gets.
#[derive(Default)]
struct Handed(Vec<OwnedFd>);

impl Handed {
    fn add(&mut self, descriptor: impl Into<OwnedFd>) -> Source {
        let descriptor = descriptor.into();
        let number = descriptor.as_raw_fd();
        self.0.push(descriptor);
        Source::Fd(number)
    }

    fn open(&mut self, path: &Path, write: bool) -> Result<Source> {
        let file = File::options().read(true).write(write).open(path);
        Ok(self.add(file.map_err(BenchError::io(format!("open {}", path.display())))?))
    }

    fn copy(&mut self, descriptor: &OwnedFd) -> Result<Source> {
        Ok(self.add(descriptor.try_clone().map_err(BenchError::io("duplicate a descriptor"))?))
    }
}

impl Host {
    pub(super) fn cumulet(&self, dir: &Path, jail: bool, guest: &Guest) -> Result<Prepared> {
        let mut handed = Handed::default();
        let mut spec = describe(guest, &mut handed)?;
        spec.kernel = Some(handed.open(&guest.kernel, false)?);
        spec.initrd = Some(handed.open(&guest.initrd, false)?);
        self.prepare(dir, jail, guest, spec, handed)
    }

    /// Starts a machine from what was saved of another.
    pub fn restore(
        &self,
        jail: bool,
        dir: &Path,
        guest: &Guest,
        saved: &Saved,
        input: &str,
    ) -> Result<Running> {
        let mut handed = Handed::default();
        let mut spec = describe(guest, &mut handed)?;
        spec.restore = Some(Restore {
            state: handed.copy(&saved.state)?,
            memory: handed.copy(&saved.memory)?,
            prefetch: saved.prefetch.as_ref().map(|list| handed.copy(list)).transpose()?,
            renamed: Default::default(),
            paused: false,
        });
        let prepared = self.prepare(dir, jail, guest, spec, handed)?;
        Running::spawn(prepared, dir, input)
    }

    fn prepare(
        &self,
        dir: &Path,
        jail: bool,
        guest: &Guest,
        spec: MachineSpec,
        mut handed: Handed,
    ) -> Result<Prepared> {
        let path = dir.join("spec.json");
        let json = serde_json::to_vec(&spec).map_err(|error| BenchError::Machine(error.to_string()))?;
        std::fs::write(&path, json).map_err(BenchError::io("write a specification"))?;
        let Source::Fd(spec_fd) = handed.open(&path, false)? else { unreachable!("it was just opened") };
        let arguments = ["--spec".to_owned(), format!("fd:{spec_fd}"), "--stdio".to_owned()];
        let mut prepared = match jail {
            true => self.jailed(dir, &spec, &arguments)?,
            false => {
                let mut command = command_for(&self.programs.vmm, guest);
                command.args(&arguments).arg("--run-dir").arg(dir);
                Prepared::new(command)
            }
        };
        prepared.inherited = handed.0;
        Ok(prepared)
    }

    fn jailed(&self, dir: &Path, spec: &MachineSpec, arguments: &[String]) -> Result<Prepared> {
        let threads = cumulet_jailer::thread_limit(spec.vcpus);
        let limits = Limits { vcpus: spec.vcpus, memory_mib: spec.memory_mib, threads };
        let uid = self.jails.uids.allot(dir, &spec.instance_id).map_err(BenchError::io("allot a user id"))?;
        let (groups, _) = self.jails.cgroups.make(&spec.instance_id, &limits);
        let mut command = Command::new(&self.programs.jailer);
        command.arg("--uid").arg(uid.to_string()).arg("--run-dir").arg(dir);
        command.arg("--name").arg(&spec.instance_id).arg("--threads").arg(threads.to_string());
        groups.iter().for_each(|group| _ = command.arg("--cgroup").arg(group));
        command.arg("--vmm").arg(&self.programs.vmm).arg("--").args(arguments);
        let cell = Cell { uids: self.jails.uids.clone(), groups };
        Ok(Prepared { command, first: true, inherited: Vec::new(), cell: Some(cell) })
    }
}

/// All of a machine but what it begins from. The devices are those that peers have too.
fn describe(guest: &Guest, handed: &mut Handed) -> Result<MachineSpec> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let spec = described(serde_json::json!({
        "version": SPEC_VERSION, "instance_id": format!("bench-{}-{number}", std::process::id()), "launch_id": "bench",
        "vcpus": 1, "memory_mib": guest.memory_mib, "cmdline": CMDLINE,
    }))?;
    Ok(MachineSpec {
        kvm: Some(handed.open(Path::new("/dev/kvm"), true)?),
        disks: guest.disk.as_deref().map(|path| disk(path, handed)).transpose()?.into_iter().collect(),
        nets: guest.tap.as_ref().map(interface).transpose()?.into_iter().collect(),
        vsock: guest.vsock.then_some(Vsock { cid: CID, listener: None }),
        ..spec
    })
}

fn disk(path: &Path, handed: &mut Handed) -> Result<Disk> {
    let layer = Layer { format: DiskFormat::Raw, source: handed.open(path, true)? };
    described(serde_json::json!({"id": "vol-bench", "serial": "volbench", "layer": layer}))
}

fn interface(tap: &Tap) -> Result<NetInterface> {
    described(serde_json::json!({"id": "eni-bench", "mac": tap.mac, "tap": {"name": tap.name}}))
}

/// A part of a specification; what is not told stands as the protocol has it by default.
fn described<T: serde::de::DeserializeOwned>(part: serde_json::Value) -> Result<T> {
    serde_json::from_value(part).map_err(|error| BenchError::Machine(error.to_string()))
}

impl Running {
    /// The control socket of a machine of ours.
    pub fn control(&self) -> Result<Client> {
        let path = self.dir.join(CONTROL_SOCKET);
        let began = Instant::now();
        loop {
            match Client::connect(&path) {
                Ok(client) => {
                    client.set_timeout(Some(super::LIMIT))?;
                    return Ok(client);
                }
                Err(_) if began.elapsed() < super::LIMIT => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Where its sockets to the guest are.
    pub fn vsock(&self) -> PathBuf {
        self.dir.join(VSOCK_SOCKET)
    }
}
