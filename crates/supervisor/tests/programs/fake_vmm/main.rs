//! A VMM without a machine: it keeps a run directory and a control socket as the protocol says, and misbehaves on
//! demand, so that the supervisor can be seen to deal with that. The specification's kernel command line names the
//! part it plays; see [`Part`].

mod serve;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cumulet_vmm_protocol::rundir::{CONSOLE_LOG, CONTROL_SOCKET, EXIT, IDENTITY, LOCK};
use cumulet_vmm_protocol::{ExitReason, ExitRecord, Identity, MachineSpec, PROTOCOL_VERSION, Source};
use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};

/// What goes wrong, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Nothing.
    Good,
    /// Ends at once and says why.
    FailsToStart,
    /// Ends at once without a record.
    EndsSilently,
    /// Lives, and does nothing that was agreed.
    NeverListens,
    /// As before, and doesn't even say who it is.
    NeverSaysWho,
    /// Says hello and never runs.
    StaysStarting,
    /// Says hello as another launch.
    LiesAboutItself,
    /// Answers with bytes without end.
    Floods,
    /// Runs, and answers nothing after its first status.
    GoesMute,
    /// Says "done" to a kill and lives on; ignores SIGTERM too.
    WillNotDie,
    /// Runs, and answers questions with answers to others.
    AnswersBesides,
    /// Runs; its socket goes away at the power button.
    LosesItsSocket,
}

impl Part {
    fn named(cmdline: &str) -> Self {
        use Part::*;
        let all = [
            Good,
            FailsToStart,
            EndsSilently,
            NeverListens,
            NeverSaysWho,
            StaysStarting,
            LiesAboutItself,
            Floods,
            GoesMute,
            WillNotDie,
            AnswersBesides,
            LosesItsSocket,
        ];
        all.into_iter().find(|part| format!("{part:?}") == cmdline).unwrap_or(Good)
    }
}

/// The process, as its connections see it.
#[derive(Debug)]
pub struct Vmm {
    /// What it plays.
    pub part: Part,
    /// Its run directory.
    pub dir: PathBuf,
    /// Who it is.
    pub identity: Identity,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name).unwrap();
        PathBuf::from(&arguments[at + 1])
    };
    let (spec_place, dir) = (value("--spec"), value("--run-dir"));
    let number = spec_place.to_str().unwrap().strip_prefix("fd:").unwrap().parse().unwrap();
    let mut bytes = Vec::new();
    inherited(&Source::Fd(number)).read_to_end(&mut bytes).unwrap();
    let spec: MachineSpec = serde_json::from_slice(&bytes).unwrap();
    let part = Part::named(&spec.cmdline);
    if part == Part::NeverSaysWho {
        sleep_forever();
    }
    let lock = File::create(dir.join(LOCK)).unwrap();
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let vmm = Vmm { part, identity: identity(&spec, &bytes), dir };
    check_disks(&spec);
    write_whole(&vmm.dir.join(IDENTITY), &serde_json::to_vec(&vmm.identity).unwrap());
    match part {
        Part::FailsToStart => {
            eprintln!("opened the kernel\nthe kernel is no kernel");
            vmm.end(ExitReason::StartFailed { what: "kernel".into(), message: "not a kernel".into() });
        }
        Part::EndsSilently => {
            eprintln!("boom");
            exit(3);
        }
        Part::NeverListens => sleep_forever(),
        Part::WillNotDie => serve::ignore_sigterm(),
        _ => {}
    }
    fs::write(vmm.dir.join(CONSOLE_LOG), serve::CONSOLE).unwrap();
    let listener = UnixListener::bind(vmm.dir.join(CONTROL_SOCKET)).unwrap();
    serve::serve(listener, vmm);
}

impl Vmm {
    /// Leaves the record and ends.
    pub fn end(&self, reason: ExitReason) -> ! {
        let identity = &self.identity;
        let record = ExitRecord {
            protocol_version: PROTOCOL_VERSION,
            instance_id: identity.instance_id.clone(),
            launch_id: identity.launch_id.clone(),
            boot_id: identity.boot_id.clone(),
            pid: identity.pid,
            reason,
            at_unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64,
        };
        write_whole(&self.dir.join(EXIT), &serde_json::to_vec(&record).unwrap());
        exit(0)
    }
}

/// The layers came as descriptors: the first can be written, the others can't. The first bytes of the first layer are
/// made its volume's id, for the test to find.
fn check_disks(spec: &MachineSpec) {
    for disk in &spec.disks {
        let mut top = inherited(&disk.layer.source);
        top.write_all(disk.id.as_bytes()).unwrap();
        for layer in &disk.backing {
            assert!(inherited(&layer.source).write_all(b"x").is_err(), "a base can be written");
        }
    }
}

fn inherited(source: &Source) -> File {
    let Source::Fd(number) = source else { panic!("{source:?} is no descriptor") };
    #[expect(unsafe_code, reason = "this process owns what it inherited")]
    // SAFETY: the specification names each inherited descriptor once.
    unsafe {
        File::from(OwnedFd::from_raw_fd(*number))
    }
}

fn identity(spec: &MachineSpec, bytes: &[u8]) -> Identity {
    let (pid, start, boot_id) = match std::env::args().skip_while(|argument| argument != "--process").nth(1) {
        Some(process) => {
            let parts: Vec<_> = process.split(':').map(str::to_owned).collect();
            (parts[0].parse().unwrap(), parts[1].parse().unwrap(), parts[2].clone())
        }
        None => who_i_am(),
    };
    Identity {
        protocol_version: PROTOCOL_VERSION,
        vmm_version: "fake".into(),
        instance_id: spec.instance_id.clone(),
        launch_id: spec.launch_id.clone(),
        boot_id,
        pid,
        pid_start_time: start,
        spec_digest: Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Outside a jail: process id, start time, the host's boot.
fn who_i_am() -> (u32, u64, String) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let start = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(19).unwrap().parse().unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    (std::process::id(), start, boot.trim().to_owned())
}

fn write_whole(path: &Path, bytes: &[u8]) {
    let unfinished = path.with_extension("tmp");
    fs::write(&unfinished, bytes).unwrap();
    fs::rename(unfinished, path).unwrap();
}

/// For a quarter of an hour at most: a test that dies leaves nothing behind for long.
pub fn sleep_forever() -> ! {
    std::thread::sleep(Duration::from_secs(900));
    exit(9)
}
