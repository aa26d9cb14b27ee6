//! The jailer's steps in their order. Each one that fails ends it: a VMM never runs in half a jail.

use crate::args::JailArgs;
use crate::record::ProcessRecord;
use crate::{RUN_DIR, elf, limits, privileges, root, sys};
use rustix::fs::{Mode, OFlags};
use rustix::thread::UnshareFlags;
use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Why there is no jail.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// Not started as it has to be.
    #[error(
        "it has to be the first process of a process id namespace: unshare --pid --fork cumulet-jailer ..."
    )]
    NotFirst,
    /// A step failed.
    #[error("can't {step}")]
    Step {
        /// What was tried: a verb and its object.
        step: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A control group.
    #[error("can't join the control group {}", path.display())]
    Cgroup {
        /// Its directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// What the program needs.
    #[error(transparent)]
    Program(#[from] elf::ElfError),
    /// The root.
    #[error(transparent)]
    Root(#[from] root::RootError),
    /// A string with a zero byte.
    #[error("an argument has a zero byte")]
    ZeroByte,
}

fn at<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> JailError {
    move |source| JailError::Step { step, source: source.into() }
}

/// Becomes the program, in its jail.
pub fn run(args: &JailArgs) -> Result<Infallible, JailError> {
    if std::process::id() != 1 {
        return Err(JailError::NotFirst);
    }
    // Files of the root are for a user with no name here; the program's own are for nobody else.
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let program = rustix::fs::open(&args.vmm, flags, Mode::empty()).map_err(at("open the program"))?;
    let program = File::from(program);
    let files = elf::needs(&program, &args.vmm)?;
    let record = ProcessRecord::of_self(args.uid, &args.cgroups).map_err(at("learn who this process is"))?;
    let command = command(args, &record)?;
    record.write(&args.run_dir).map_err(at("leave a record of the process"))?;
    for path in &args.cgroups {
        join(path).map_err(|source| JailError::Cgroup { path: path.clone(), source })?;
    }
    limits::set(args.threads).map_err(at("set resource limits"))?;
    sys::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | UnshareFlags::NEWNET)
        .map_err(at("enter new namespaces"))?;
    rustix::system::sethostname(args.name.as_bytes()).map_err(at("set the host name"))?;
    root::enter(&args.run_dir, &files)?;
    rustix::process::umask(Mode::from_raw_mode(0o077));
    privileges::give_up(args.uid).map_err(at("give up privileges"))?;
    Err(at("start the program")(sys::exec(program.as_fd(), &command, &environment())))
}

/// Joins a control group; the number 0 is the writer itself (cgroups(7)). To move a thread the kernel waits for nobody,
/// to move a process it waits until no process of the host is being forked or ended, which takes milliseconds. Version 2
/// moves processes only.
fn join(group: &Path) -> io::Result<()> {
    let (threads, processes) = (group.join("tasks"), group.join("cgroup.procs"));
    std::fs::write(if threads.exists() { threads } else { processes }, "0")
}

fn command(args: &JailArgs, record: &ProcessRecord) -> Result<Vec<CString>, JailError> {
    let process = format!("{}:{}:{}", record.pid, record.pid_start_time, record.boot_id);
    let name = args.vmm.file_name().unwrap_or_default().to_owned();
    let ours = ["--run-dir", RUN_DIR, "--process", &process].map(OsString::from);
    let all = [name].into_iter().chain(args.arguments.iter().cloned()).chain(ours);
    all.map(|text| CString::new(text.into_vec()).map_err(|_| JailError::ZeroByte)).collect()
}

/// Of the environment the program gets only what makes its messages longer.
fn environment() -> Vec<CString> {
    let kept = std::env::var("RUST_BACKTRACE").ok().map(|value| format!("RUST_BACKTRACE={value}"));
    kept.into_iter().filter_map(|entry| CString::new(entry).ok()).collect()
}
