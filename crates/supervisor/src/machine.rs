//! One VMM process that is or was alive. States: starting, until its vCPUs run; running; ended. Each machine has one
//! task that waits for its end; the machine is in the supervisor's list from the process's first moment to its last.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cumulet_model::{InstanceId, LaunchId};
use cumulet_ports::vm_host::{Touched, VmEnd, VmEvent};
use cumulet_vmm_protocol::control::MAX_CONSOLE_CHUNK;
use cumulet_vmm_protocol::{Command, ConsoleChunk, ConsoleRead, ConsoleWrite, Metrics, Reply};
use rustix::process::Signal;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::control::{Control, ControlError, call_once};
use crate::error::{SupervisorError, describe};
use crate::process::Process;
use crate::run_dir::RunDir;
use crate::shared::Shared;

/// A VMM serves 16 connections. So many calls at once are made to one, and so many readers wait for its console; the
/// rest is left for people.
const CALLS: usize = 6;
const READERS: usize = 6;
/// How long a process may take to go away after SIGKILL; more than that it hangs in the kernel.
const KILL_LIMIT: Duration = Duration::from_secs(60);

/// A VMM process.
#[derive(Debug)]
pub struct Machine {
    /// The instance.
    pub id: InstanceId,
    /// This start of it.
    pub launch_id: LaunchId,
    /// Its run directory.
    pub dir: RunDir,
    /// Its process.
    pub process: Process,
    call_limit: Duration,
    kill_grace: Duration,
    phase: Mutex<Phase>,
    /// Whether it stands still until it is resumed or killed. Held by whoever lets it stand still for a moment.
    pub standing: tokio::sync::Mutex<bool>,
    /// What forks of it touch first.
    pub touched: Touched,
    end: watch::Sender<Option<VmEnd>>,
    calls: Semaphore,
    readers: Semaphore,
    /// The greatest end of the console's output that was heard of.
    console_end: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Running,
    Ended,
}

impl Machine {
    /// A machine that is being started.
    pub fn starting(shared: &Shared, id: InstanceId, launch_id: LaunchId, process: Process) -> Self {
        Self::new(shared, id, launch_id, process, Phase::Starting)
    }

    /// A machine that was found running.
    pub fn found(shared: &Shared, id: InstanceId, launch_id: LaunchId, process: Process) -> Self {
        Self::new(shared, id, launch_id, process, Phase::Running)
    }

    fn new(shared: &Shared, id: InstanceId, launch_id: LaunchId, process: Process, phase: Phase) -> Self {
        Self {
            dir: shared.dir(&id),
            id,
            launch_id,
            process,
            call_limit: shared.config.call_limit,
            kill_grace: shared.config.kill_grace,
            phase: Mutex::new(phase),
            standing: tokio::sync::Mutex::new(false),
            touched: Touched::default(),
            end: watch::Sender::new(None),
            calls: Semaphore::new(CALLS),
            readers: Semaphore::new(READERS),
            console_end: AtomicU64::new(0),
        }
    }

    /// The same, when it stands still until it is resumed.
    pub fn standing_still(self, yes: bool) -> Self {
        Self { standing: tokio::sync::Mutex::new(yes), ..self }
    }

    /// From now on its end is an event. Fails with the end if it came already.
    pub async fn started(&self) -> Result<(), VmEnd> {
        {
            let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
            if *phase != Phase::Ended {
                *phase = Phase::Running;
                return Ok(());
            }
        }
        Err(self.ended().await)
    }

    /// Waits for its end.
    pub async fn ended(&self) -> VmEnd {
        let mut end = self.end.subscribe();
        let seen = end.wait_for(Option::is_some).await.map(|end| end.clone());
        // The sender is this machine's own, so it is there as long as anybody asks.
        seen.ok().flatten().unwrap_or(VmEnd::Silent)
    }

    /// The machine's one task: waits for the process's end and tells everybody.
    pub async fn watch(self: Arc<Self>, shared: Arc<Shared>) {
        if let Err(error) = self.process.ended().await {
            error!(instance = %self.id, %error, "can't watch a VMM's process; it is taken for ended");
        }
        let end = self.dir.end(&self.launch_id);
        let before = {
            let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *phase, Phase::Ended)
        };
        shared.remove(&self);
        if before == Phase::Running {
            info!(instance = %self.id, launch = %self.launch_id, how = describe(&end), "a machine ended");
            let (instance_id, launch_id) = (self.id.clone(), self.launch_id.clone());
            shared.send(VmEvent { instance_id, launch_id, end: end.clone() });
        }
        self.end.send_replace(Some(end));
    }

    /// Ends it and returns when it is gone: by the control socket, else by SIGTERM, in the end by SIGKILL.
    pub async fn kill(&self) -> Result<(), SupervisorError> {
        let asked = self.call_kill().await;
        if let Err(error) = asked {
            info!(instance = %self.id, %error, "a VMM does not take the kill command; it gets SIGTERM");
            self.signal(Signal::TERM)?;
        }
        if timeout(self.kill_grace, self.ended()).await.is_ok() {
            return Ok(());
        }
        warn!(instance = %self.id, pid = self.process.pid(), "a VMM does not end when told; it gets SIGKILL");
        self.kill_by_force().await
    }

    async fn call_kill(&self) -> Result<Reply, ControlError> {
        let limit = self.call_limit.min(self.kill_grace);
        call_once(&self.dir.socket(), self.process.pid(), Command::Kill, limit).await
    }

    /// SIGKILL, and until it is gone.
    pub async fn kill_by_force(&self) -> Result<(), SupervisorError> {
        self.signal(Signal::KILL)?;
        let gone = timeout(KILL_LIMIT, self.ended()).await;
        gone.map(drop).map_err(|_| SupervisorError::Unkillable(self.id.clone()))
    }

    fn signal(&self, signal: Signal) -> Result<(), SupervisorError> {
        self.process.signal(signal).map_err(SupervisorError::io("signal a VMM"))
    }

    /// A command that is answered with "done".
    pub async fn command(&self, command: Command) -> Result<(), ControlError> {
        match self.call(command).await? {
            Reply::Done => Ok(()),
            _ => Err(ControlError::Unexpected),
        }
    }

    /// Counters.
    pub async fn metrics(&self) -> Result<Metrics, ControlError> {
        match self.call(Command::Metrics).await? {
            Reply::Metrics(metrics) => Ok(*metrics),
            _ => Err(ControlError::Unexpected),
        }
    }

    /// Types into the console; what doesn't fit into one message is not taken.
    pub async fn console_write(&self, data: &[u8]) -> Result<u64, ControlError> {
        let sent = &data[..data.len().min(MAX_CONSOLE_CHUNK)];
        match self.call(Command::ConsoleWrite(ConsoleWrite { data: sent.to_vec() })).await? {
            Reply::Written(count) if count <= sent.len() as u64 => Ok(count),
            _ => Err(ControlError::Unexpected),
        }
    }

    /// Reads the console. With `wait`, up to that long for more; nothing came is `None`.
    pub async fn console_read(
        &self,
        read: ConsoleRead,
        wait: Option<Duration>,
    ) -> Result<Option<ConsoleChunk>, ControlError> {
        let max = u64::from(read.max);
        let command = Command::ConsoleRead(read);
        let reply = match wait {
            None => self.call(command).await?,
            Some(limit) => {
                let waited = timeout(limit, async {
                    let _turn = self.readers.acquire().await;
                    call_once(&self.dir.socket(), self.process.pid(), command, limit + self.call_limit).await
                });
                let Ok(reply) = waited.await else { return Ok(None) };
                reply?
            }
        };
        let Reply::Console(chunk) = reply else { return Err(ControlError::Unexpected) };
        let len = chunk.data.len() as u64;
        if len > max || chunk.offset.checked_add(len).is_none_or(|next| next > chunk.end) {
            return Err(ControlError::Unexpected);
        }
        self.console_end.fetch_max(chunk.end, Ordering::Relaxed);
        Ok(Some(chunk))
    }

    /// The greatest end of the console's output that was heard of.
    pub fn console_end(&self) -> u64 {
        self.console_end.load(Ordering::Relaxed)
    }

    /// How long a call may take.
    pub fn call_limit(&self) -> Duration {
        self.call_limit
    }

    /// A command with descriptors, `limit` for its turn and its answer.
    pub async fn call_within(
        &self,
        command: Command,
        descriptors: &[OwnedFd],
        limit: Duration,
    ) -> Result<Reply, ControlError> {
        let calls = async {
            let _turn = self.calls.acquire().await;
            let mut control = Control::connect(&self.dir.socket(), self.process.pid(), limit).await?;
            control.call_with(command, descriptors, limit).await.map(|(reply, _)| reply)
        };
        // Those that wait for their turn behind calls to a VMM that hangs wait no longer than a call.
        timeout(limit, calls).await.unwrap_or(Err(ControlError::TimedOut(limit)))
    }

    async fn call(&self, command: Command) -> Result<Reply, ControlError> {
        self.call_within(command, &[], self.call_limit).await
    }
}
