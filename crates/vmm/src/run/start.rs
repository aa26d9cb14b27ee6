//! From the command line to a running machine.

use super::args::{HostProcess, RunArgs};
use super::digest::{digest, read_spec};
use super::end::Ender;
use super::main_loop::MainLoop;
use super::rundir::{Durable, RunDir, RunDirError, write_record};
use super::signals::Signals;
use super::{explain, panic};
use crate::config::MachineConfig;
use crate::control::Server;
use crate::devices::serial::Console;
use crate::jail;
use crate::machine::{self, BuildError, MachineState};
use cumulet_vmm_protocol::rundir::IDENTITY;
use cumulet_vmm_protocol::{ExitReason, Identity, MachineSpec, PROTOCOL_VERSION};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Runs a machine to its end. Comes back only when there is no run directory to leave a record in.
pub fn run(args: &RunArgs, began: Instant) -> Result<std::convert::Infallible, RunDirError> {
    let base = std::env::current_dir().map_err(RunDirError::Enter)?;
    // Read before the working directory changes, judged after there is a place for a record.
    let spec = read_spec(&args.spec);
    let run_dir = RunDir::take(&args.run_dir)?;
    let process = process(args);
    let ender = Arc::new(Ender::new(identity(&[], None, &process)));
    panic::install(ender.clone());
    let ready = close_door(args).and_then(|()| prepare(spec, &base, &ender, &process));
    let failed = match ready {
        Ok((config, identity)) => match start(args, config, identity, began) {
            Ok(main_loop) => main_loop.run(&ender),
            Err(reason) => reason,
        },
        Err(reason) => reason,
    };
    let _held = run_dir;
    ender.end(failed)
}

/// From here on the process has what it needs of the host.
fn close_door(args: &RunArgs) -> Result<(), ExitReason> {
    let jailed = args.process.is_some();
    let closed = match args.seccomp {
        true => jail::filter_process(),
        false => {
            eprintln!("cumulet-vmm: warning: system calls are NOT FILTERED, as asked");
            Ok(())
        }
    };
    // By hand a machine's files are opened by their paths, wherever they are.
    let closed = closed.and_then(|()| if jailed { jail::keep_to_directory() } else { Ok(()) });
    closed.map_err(|error| ExitReason::StartFailed { what: "jail".to_owned(), message: explain(&error) })
}

/// Reads and checks the specification.
fn prepare(
    spec: io::Result<Vec<u8>>,
    base: &Path,
    ender: &Ender,
    process: &HostProcess,
) -> Result<(MachineConfig, Identity), ExitReason> {
    let bytes = spec.map_err(|error| ExitReason::BadSpec { message: explain(&error) })?;
    let spec: MachineSpec = serde_json::from_slice(&bytes).map_err(|error| {
        // Even a document that is no specification may say for whom it was.
        ender.identify(identity(&bytes, serde_json::from_slice(&bytes).ok().as_ref(), process));
        ExitReason::BadSpec { message: explain(&error) }
    })?;
    let value = serde_json::json!({"instance_id": spec.instance_id, "launch_id": spec.launch_id});
    let identity = identity(&bytes, Some(&value), process);
    ender.identify(identity.clone());
    let config = MachineConfig::check(&spec, base)
        .map_err(|error| ExitReason::BadSpec { message: explain(&error) })?;
    Ok((config, identity))
}

fn start(
    args: &RunArgs,
    config: MachineConfig,
    identity: Identity,
    began: Instant,
) -> Result<MainLoop, ExitReason> {
    let failed = |what: &str, error: &dyn std::error::Error| ExitReason::StartFailed {
        what: what.to_owned(),
        message: explain(error),
    };
    let parent = std::os::unix::process::parent_id();
    let signals = Signals::block().map_err(|error| failed("signals", &error))?;
    if config.die_with_parent && Signals::watch_parent(parent) {
        return Err(ExitReason::ParentDied);
    }
    write_record(IDENTITY, &identity, Durable::No).map_err(|error| failed("run directory", &error))?;
    let server = Server::bind().map_err(|error| failed("control socket", &error))?;
    let state = Arc::new(MachineState::new().map_err(|error| failed("machine", &error))?);
    let console =
        Arc::new(Console::new(config.console_log_bytes).map_err(|error| failed("console", &error))?);
    let machine =
        machine::build(&config, state, console.clone()).map_err(|error| failed(part(&error), &error))?;
    let main_loop = MainLoop::new(args, &config, identity, machine, console, server, signals, began)
        .map_err(|error| failed("main loop", &error))?;
    jail::enter(jail::Kind::Main).map_err(|error| failed("jail", &error))?;
    Ok(main_loop)
}

/// The part of the machine that an error is about.
fn part(error: &BuildError) -> &'static str {
    match error {
        BuildError::Kvm { .. } => "kvm",
        BuildError::Memory(_) => "memory",
        BuildError::Open { .. } | BuildError::Boot(_) => "kernel",
        BuildError::Tables(_) => "tables",
        BuildError::Disk { .. } => "disk",
        BuildError::Net { .. } => "net",
        BuildError::Vsock(_) => "vsock",
        BuildError::Cpu(_) => "vcpu",
        BuildError::Restore(_) => "restore",
        BuildError::Host(_) => "host",
    }
}

fn identity(spec: &[u8], value: Option<&serde_json::Value>, process: &HostProcess) -> Identity {
    let text = |name: &str| value.and_then(|value| value[name].as_str()).unwrap_or_default().to_owned();
    Identity {
        protocol_version: PROTOCOL_VERSION,
        vmm_version: env!("CARGO_PKG_VERSION").to_owned(),
        instance_id: text("instance_id"),
        launch_id: text("launch_id"),
        boot_id: process.boot_id.clone(),
        pid: process.pid,
        pid_start_time: process.start_time,
        spec_digest: digest(spec),
    }
}

/// Who this process is for the host: in a jail as it was told, else as it finds out.
fn process(args: &RunArgs) -> HostProcess {
    args.process.clone().unwrap_or_else(|| HostProcess {
        pid: std::process::id(),
        start_time: start_time(&read_trimmed("/proc/self/stat".into())).unwrap_or(0),
        boot_id: read_trimmed("/proc/sys/kernel/random/boot_id".into()),
    })
}

fn read_trimmed(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// Field 22 of `/proc/PID/stat`. The second field is the program's name in brackets and may hold anything.
fn start_time(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 200";
        assert_eq!(start_time(stat), Some(987_654));
        assert_eq!(start_time("nonsense"), None);
    }
}
