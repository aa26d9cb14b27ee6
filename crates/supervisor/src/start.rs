//! Starting a machine: spawn, greet, wait until its vCPUs run. Whatever fails on the way, the process is killed and
//! gone before the caller hears of it; its directory stays for whoever wants to know more.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cumulet_model::{InstanceId, LaunchId};
use cumulet_ports::PortResult;
use cumulet_ports::vm_host::VmSpec;
use cumulet_vmm_protocol::{Command, Hello, PROTOCOL_VERSION, Phase, RefusalCode, Reply, Status, WaitStatus};
use tokio::time::{Instant, sleep, timeout};
use tracing::info;

use crate::control::{Control, ControlError};
use crate::error::{SupervisorError, VmmLog};
use crate::launch::{Launched, launch};
use crate::machine::Machine;
use crate::process::Process;
use crate::shared::Shared;

/// How often a VMM that doesn't listen yet is looked for: often at first, for most listen soon.
const FIRST_LOOKS: Duration = Duration::from_millis(1);
const LAST_LOOKS: Duration = Duration::from_millis(10);
/// How long the end of a process may lag behind the end of its connection.
const END_LAG: Duration = Duration::from_secs(5);

/// Starts a machine.
pub async fn start(shared: Arc<Shared>, spec: VmSpec) -> PortResult<()> {
    let (id, launch_id) = (spec.instance_id.clone(), spec.launch_id.clone());
    Ok(start_claimed(&shared, id, launch_id, spec).await?)
}

async fn start_claimed(
    shared: &Arc<Shared>,
    id: InstanceId,
    launch_id: LaunchId,
    spec: VmSpec,
) -> Result<(), SupervisorError> {
    let paused = spec.base.as_ref().is_some_and(|base| base.paused);
    let claim = shared.claim(&id)?;
    claim.begin();
    let (config, dir) = (shared.config.clone(), shared.dir(&id));
    let jails = shared.jails.clone();
    let launched = tokio::task::spawn_blocking(move || launch(&config, jails.as_ref(), &dir, spec)).await;
    let launched = launched.map_err(|error| SupervisorError::io("spawn a VMM")(error.into()))??;
    let (process, launched) = take_hold(launched)?;
    let machine = Machine::starting(shared, id.clone(), launch_id, process).standing_still(paused);
    let machine = Arc::new(machine);
    shared.add(Arc::clone(&machine));

    if let Err(error) = ready(shared, &machine, &launched).await {
        machine.kill_by_force().await?;
        return Err(error);
    }
    info!(instance = %id, pid = launched.pid(), "a machine's vCPUs run");
    Ok(())
}

/// A process that can't be held could not be watched, so it is ended.
fn take_hold(mut launched: Launched) -> Result<(Process, Launched), SupervisorError> {
    let process =
        Process::open(launched.pid()).and_then(|process| process.ok_or(io::ErrorKind::NotFound.into()));
    match process {
        Ok(process) => Ok((process, launched)),
        Err(error) => {
            let _ = launched.child.kill();
            let _ = launched.child.wait();
            Err(SupervisorError::io("take hold of a VMM's process")(error))
        }
    }
}

/// Waits until the machine runs, has ended or took too long.
async fn ready(shared: &Shared, machine: &Machine, launched: &Launched) -> Result<(), SupervisorError> {
    let limit = shared.config.start_limit;
    let greeted = tokio::select! {
        biased;
        end = machine.ended() => Err(ended_at_start(machine, end)),
        greeted = timeout(limit, greet(machine, launched, limit)) => match greeted {
            Ok(Ok(())) => return machine.started().await.map_err(|end| ended_at_start(machine, end)),
            Ok(Err(SupervisorError::Control(ControlError::TimedOut(_)))) | Err(_) => Err(slow(machine, limit)),
            Ok(Err(error)) => Err(error),
        },
    };
    match greeted {
        // A VMM that gives up closes its socket a little before its process ends and says why.
        Err(SupervisorError::Control(ControlError::Closed | ControlError::Io(_))) => {
            match timeout(END_LAG, machine.ended()).await {
                Ok(end) => Err(ended_at_start(machine, end)),
                Err(_) => greeted,
            }
        }
        other => other,
    }
}

fn ended_at_start(machine: &Machine, end: cumulet_ports::vm_host::VmEnd) -> SupervisorError {
    SupervisorError::EndedAtStart { end, log: VmmLog(machine.dir.log_tail()) }
}

fn slow(machine: &Machine, limit: Duration) -> SupervisorError {
    SupervisorError::SlowStart { seconds: limit.as_secs(), log: VmmLog(machine.dir.log_tail()) }
}

/// Says hello, checks who answers, and follows the status until the vCPUs run.
async fn greet(machine: &Machine, launched: &Launched, limit: Duration) -> Result<(), SupervisorError> {
    let mut control = connect_when_there(&machine.dir.socket(), launched.pid(), limit).await?;
    let Reply::Hello(hello) = control.call(Command::Hello, limit).await? else {
        return Err(ControlError::Unexpected.into());
    };
    check_identity(&hello, machine, launched)?;
    let mut command = Command::Status;
    loop {
        let Reply::Status(Status { generation, phase, .. }) = control.call(command, limit).await? else {
            return Err(ControlError::Unexpected.into());
        };
        match phase {
            Phase::Running | Phase::Paused => return Ok(()),
            Phase::Starting => command = Command::WaitStatus(WaitStatus { after: generation }),
            Phase::Exiting => return Err(ControlError::Closed.into()),
        }
    }
}

async fn connect_when_there(socket: &Path, pid: u32, limit: Duration) -> Result<Control, ControlError> {
    let began = Instant::now();
    loop {
        match Control::connect(socket, pid, limit).await {
            Err(ControlError::Connect(error))
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {}
            Err(ControlError::Refused(refusal)) if refusal.code == RefusalCode::Busy => {}
            other => return other,
        }
        sleep((began.elapsed() / 8).clamp(FIRST_LOOKS, LAST_LOOKS)).await;
    }
}

fn check_identity(hello: &Hello, machine: &Machine, launched: &Launched) -> Result<(), SupervisorError> {
    let checks = [
        ("protocol version", hello.protocol_version == PROTOCOL_VERSION),
        ("instance", hello.instance_id == machine.id.as_str()),
        ("launch", hello.launch_id == machine.launch_id.as_str()),
        ("process", hello.pid == launched.pid()),
        ("specification", hello.spec_digest == launched.spec_digest),
    ];
    match checks.into_iter().find(|(_, equal)| !equal) {
        Some((field, _)) => Err(SupervisorError::WrongIdentity { field }),
        None => Ok(()),
    }
}
