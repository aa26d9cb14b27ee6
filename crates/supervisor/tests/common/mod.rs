//! What the supervisor's tests share: a run directory with the fake VMM, machines to start, and looking at processes.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses a part of this")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cumulet_model::{InstanceId, LaunchId, Mib, VolumeId};
use cumulet_ports::VmHost;
use cumulet_ports::storage::{DiskChain, DiskFormat, DiskLayer};
use cumulet_ports::vm_host::{FoundVm, VmDisk, VmEvent, VmSpec};
use cumulet_supervisor::{Jail, Supervisor, SupervisorConfig};
use cumulet_vmm_protocol::{Identity, Smbios};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A directory with what a machine needs, and settings for a host under load.
pub struct Bench {
    pub dir: tempfile::TempDir,
    pub config: SupervisorConfig,
}

impl Bench {
    /// Machines in jails where this test may make any, which takes root.
    pub fn new() -> Self {
        let mut bench = Self::without_jail();
        if is_root() {
            bench.config.jail = Jail::On {
                program: env!("CARGO_BIN_EXE_test-jailer").into(),
                uids: "/run/cumulet-uids".into(),
            };
        }
        bench
    }

    /// Machines without jails.
    pub fn without_jail() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["kernel", "kvm", "top", "base"] {
            fs::write(dir.path().join(name), vec![0; 4096]).unwrap();
        }
        let mut config = SupervisorConfig::new(dir.path().join("run"));
        config.vmm_program = env!("CARGO_BIN_EXE_fake-vmm").into();
        config.jail = Jail::Off;
        config.kvm = dir.path().join("kvm");
        config.call_limit = Duration::from_secs(60);
        config.console_wait = Duration::from_millis(300);
        config.kill_grace = Duration::from_secs(1);
        Self { dir, config }
    }

    /// A daemon that begins: its supervisor, its events, and what it found.
    pub async fn daemon(&self) -> (Supervisor, UnboundedReceiver<VmEvent>, Vec<FoundVm>) {
        let supervisor = Supervisor::new(self.config.clone()).unwrap();
        let (sender, events) = unbounded_channel();
        let found = supervisor.recover(sender).await.unwrap();
        (supervisor, events, found)
    }

    /// A machine with a disk of two layers, whose VMM plays a part.
    pub fn spec(&self, part: &str) -> VmSpec {
        let layer = |name: &str, format| DiskLayer { path: self.dir.path().join(name), format };
        let layers = vec![layer("top", DiskFormat::Qcow2), layer("base", DiskFormat::Raw)];
        let volume_id = VolumeId::random(&mut rand::rng());
        VmSpec {
            instance_id: InstanceId::random(&mut rand::rng()),
            launch_id: LaunchId::random(&mut rand::rng()),
            vcpus: 1,
            memory: Mib(128),
            memory_max: None,
            kernel: self.dir.path().join("kernel"),
            initrd: None,
            cmdline: part.to_owned(),
            disks: vec![VmDisk {
                volume_id,
                chain: DiskChain { layers },
                read_only: false,
                limits: Default::default(),
            }],
            disk_bandwidth: None,
            interfaces: Vec::new(),
            smbios: smbios(),
            base: None,
        }
    }

    /// The run directory of an instance.
    pub fn run_dir(&self, id: &InstanceId) -> PathBuf {
        self.config.run_dir.join("vms").join(id.as_str())
    }

    /// The process that an instance's VMM said it is.
    pub fn pid(&self, id: &InstanceId) -> u32 {
        let bytes = fs::read(self.run_dir(id).join("identity.json")).unwrap();
        serde_json::from_slice::<Identity>(&bytes).unwrap().pid
    }
}

/// What jails left on the host goes with the bench.
impl Drop for Bench {
    fn drop(&mut self) {
        cumulet_supervisor::leave_host(&self.config);
    }
}

/// Whether jails can be made.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// SMBIOS strings that say nothing.
pub fn smbios() -> Smbios {
    Smbios {
        product_uuid: "ec2f1a2b-0000-4000-8000-000000000000".into(),
        product_serial: "ec2f1a2b-0000-4000-8000-000000000000".into(),
        sys_vendor: "Amazon EC2".into(),
        product_name: "t3.micro".into(),
        bios_vendor: "Amazon EC2".into(),
        bios_version: "1.0".into(),
        chassis_asset_tag: "Amazon EC2".into(),
        board_asset_tag: "i-0123456789abcdef0".into(),
    }
}

/// Whether a process is there, and is not a zombie.
pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Whether there is nothing left of a process, not even a zombie.
pub fn is_reaped(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

/// Kills a process by its number; only for processes that a test has just seen alive.
pub fn kill_9(pid: u32) {
    let done = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(done.success());
}

/// The next event, with all the patience in the world.
pub async fn next(events: &mut UnboundedReceiver<VmEvent>) -> VmEvent {
    tokio::time::timeout(Duration::from_secs(60), events.recv()).await.expect("no event").unwrap()
}

/// Looks until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never came true");
}

/// Says that a test did not run, and counts it where the test command looks.
pub fn skip(name: &str, reason: &str) {
    println!("SKIPPED {name}: {reason}");
    if let Some(path) = std::env::var_os("CUMULET_SKIP_LOG") {
        let mut log = File::options().append(true).create(true).open(path).unwrap();
        writeln!(log, "SKIPPED {name}: {reason}").unwrap();
    }
}
