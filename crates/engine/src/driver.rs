//! One task drives one instance: it reads the facts, asks [`crate::plan`] what comes next, does it, and sleeps when
//! there is nothing to do. It owns the machine's transitions; requests only change what is wanted and poke it.

use std::time::Duration;

use cumulet_model::state::{Intent, Machine, StateReason};
use cumulet_model::{InstanceId, LaunchId};
use cumulet_ports::vm_host::{VmEnd, VmEvent};
use cumulet_ports::{PortError, PortResult};
use cumulet_store::InstanceRecord;
use cumulet_vmm_protocol::ExitReason;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::cloud::{ChangeError, Cloud};
use crate::devices;
use crate::hibernate::{self, Saved};
use crate::launch_steps;
use crate::plan::{self, Action};

/// What a driver is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// The facts have changed.
    Poke,
    /// A VMM has ended.
    Ended(VmEvent),
}

/// After this many resets of a guest, each within [`RESET_WINDOW`] of its start, the instance is stopped.
const MOST_RESETS: u32 = 10;
/// How soon after its start a reset counts as one of a row.
const RESET_WINDOW: Duration = Duration::from_secs(30);
/// How often a start is tried again after an error that may pass.
const MOST_ATTEMPTS: u32 = 5;
/// How long the end of a machine that was killed may take to be heard of.
const HEAR_OF_END: Duration = Duration::from_secs(30);
/// How often the power button is pressed again while a guest that may have missed it goes on.
const PRESS_AGAIN: Duration = Duration::from_secs(10);

impl Cloud {
    /// Tells an instance's driver that its facts have changed; starts the driver if there is none.
    pub(crate) fn poke(&self, id: &InstanceId) {
        self.send(id, Message::Poke);
    }

    pub(crate) fn send(&self, id: &InstanceId, message: Message) {
        let mut drivers = self.inner.drivers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let message = match drivers.get(id).map(|driver| driver.send(message)) {
            Some(Ok(())) => return,
            Some(Err(mpsc::error::SendError(message))) => message,
            None => {
                let (sender, receiver) = mpsc::unbounded_channel();
                drivers.insert(id.clone(), sender);
                let driver = Driver {
                    cloud: self.clone(),
                    id: id.clone(),
                    inbox: receiver,
                    started: None,
                    unjudged: None,
                    attempts: 0,
                    unwired: false,
                    resets: 0,
                    look_again: None,
                };
                self.inner.tasks.spawn(driver.run());
                return;
            }
        };
        drivers.remove(id);
        drop(drivers);
        // The driver had ended: its instance is released, and nothing that is told of it matters any more.
        tracing::debug!(instance = %id, ?message, "a released instance hears nothing");
    }
}

struct Driver {
    cloud: Cloud,
    id: InstanceId,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// When the machine was last started by this driver.
    started: Option<Instant>,
    /// The end of a VMM that is not written yet.
    unjudged: Option<VmEvent>,
    /// How often in a row a start met an error that may pass.
    attempts: u32,
    /// Whether the network is known to be without this instance, which is off.
    unwired: bool,
    /// Resets in a row that came soon after a start.
    resets: u32,
    /// The pause before devices on their way are looked at again.
    look_again: Option<Duration>,
}

impl Driver {
    async fn run(mut self) {
        let stop = self.cloud.inner.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.drive() => {
                self.cloud.inner.drivers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).remove(&self.id);
            }
        }
    }

    async fn drive(&mut self) {
        let mut pause = Duration::from_secs(1);
        let drain = self.cloud.inner.drain.clone();
        while !drain.is_cancelled() {
            match self.step().await {
                Ok(true) => pause = Duration::from_secs(1),
                Ok(false) => return,
                Err(error) => {
                    warn!(instance = %self.id, error = error.chain(), retry_in = ?pause, "a step failed and is tried again");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = drain.cancelled() => return,
                    }
                    pause = (pause * 2).min(Duration::from_secs(30));
                }
            }
        }
    }

    /// Does what comes next; false when the instance's life is over.
    async fn step(&mut self) -> PortResult<bool> {
        let Some(record) = self.cloud.inner.store.instance(&self.id).await.map_err(store_failed)? else {
            return Ok(false);
        };
        if record.machine == Machine::Off && record.intent != Intent::Run && !self.unwired {
            self.cloud.inner.keeper.sync().await?;
            self.unwired = true;
        }
        if record.machine == Machine::On && record.saved.is_none() {
            self.let_go_on().await?;
        }
        if record.machine == Machine::Off && record.saved.is_none() {
            devices::modify_without_machine(&self.cloud, &self.id).await?;
        }
        match plan::next(record.intent, record.machine, record.reboot) {
            Action::Finish => return Ok(false),
            Action::Wait => {
                let on = record.machine == Machine::On && self.unjudged.is_none();
                let left = on && devices::converge(&self.cloud, &record).await?;
                self.look_again = left.then(|| devices::next_look(self.look_again));
                if self.unjudged.is_none() {
                    match self.hear_within(self.look_again).await {
                        Heard::Message(Message::Ended(event)) => self.unjudged = Some(event),
                        Heard::Message(Message::Poke) => self.look_again = None,
                        Heard::Nothing => {}
                        Heard::End => return Ok(false),
                    }
                }
                self.judge_end().await?;
            }
            Action::Launch => self.launch(record, None).await?,
            Action::Abandon => match self.cloud.inner.fork_points.take_claim(&record) {
                // The row of a fork was written as that of a start under way, and this is that start.
                Some(launch_id) => self.launch(record, Some(launch_id)).await?,
                None => {
                    self.cloud.inner.ports.vms.kill(&self.id).await?;
                    self.settle(|record| record.machine = Machine::Off).await?;
                }
            },
            Action::Shutdown | Action::Reboot => self.bring_down(&record).await?,
            Action::Release => launch_steps::release(&self.cloud, &record).await?,
        }
        Ok(true)
    }

    /// Lets a machine go on that was found standing still.
    async fn let_go_on(&self) -> PortResult<()> {
        if !self.cloud.found_paused().contains(&self.id) {
            return Ok(());
        }
        let vms = &self.cloud.inner.ports.vms;
        match vms.resume(&self.id).await {
            Ok(()) => hibernate::tell_time(&self.cloud, &self.id).await,
            Err(error) if vms.is_running(&self.id).await => return Err(error),
            // Its end is told by others.
            Err(_) => {}
        }
        self.cloud.found_paused().remove(&self.id);
        Ok(())
    }

    /// What is told next; nothing once the drivers are to end.
    async fn hear(&mut self) -> Option<Message> {
        tokio::select! {
            () = self.cloud.inner.drain.cancelled() => None,
            message = self.inbox.recv() => message,
        }
    }

    /// As [`Driver::hear`], for so long.
    async fn hear_within(&mut self, pause: Option<Duration>) -> Heard {
        let heard = match pause {
            None => Ok(self.hear().await),
            Some(pause) => tokio::time::timeout(pause, self.hear()).await,
        };
        match heard {
            Ok(Some(message)) => Heard::Message(message),
            Ok(None) => Heard::End,
            Err(_) => Heard::Nothing,
        }
    }

    async fn launch(&mut self, record: InstanceRecord, claimed: Option<LaunchId>) -> PortResult<()> {
        self.started = Some(Instant::now());
        self.unwired = false;
        match launch_steps::launch(&self.cloud, record, claimed).await {
            Ok(()) => {
                self.attempts = 0;
                Ok(())
            }
            Err(error) if error.transient && self.attempts < MOST_ATTEMPTS => {
                self.attempts += 1;
                self.settle(|record| record.machine = Machine::Starting).await?;
                Err(error)
            }
            Err(error) => {
                self.attempts = 0;
                let why = error.chain();
                warn!(instance = %self.id, error = why, "the launch failed");
                self.settle(|record| {
                    let why = match record.saved {
                        Some(_) => {
                            format!("the instance's saved memory, which is kept, can't be restored: {why}")
                        }
                        None => why,
                    };
                    if record.intent == Intent::Run {
                        record.intent = if record.has_run { Intent::Stop } else { Intent::Terminate };
                        record.reason = Some(StateReason::launch_failed(&why));
                        record.transition_reason = "Server.InternalError".into();
                    }
                    // The plan abandons a start that is under way, which takes down what the steps made.
                    record.machine = Machine::Starting;
                })
                .await
            }
        }
    }

    /// Asks the guest to power off, and kills the machine when it takes too long.
    async fn bring_down(&mut self, record: &InstanceRecord) -> PortResult<()> {
        let vms = self.cloud.inner.ports.vms.clone();
        let begun = Instant::now();
        let mut record = record.clone();
        loop {
            let deadline = begun + self.grace(&record);
            if record.saved.is_some() {
                return self.end_saved(&record).await;
            }
            if record.force || Instant::now() >= deadline {
                info!(instance = %self.id, force = record.force, "the machine is killed");
                vms.kill(&self.id).await?;
                return self.ended(&record, None).await;
            }
            if hibernate::is_due(&record) {
                return self.hibernate(&record).await;
            }
            if let Err(error) = vms.power_button(&self.id).await {
                warn!(instance = %self.id, error = error.chain(), "the power button could not be pressed");
                if !vms.is_running(&self.id).await {
                    return self.ended(&record, None).await;
                }
            }
            let next = deadline.min(Instant::now() + PRESS_AGAIN);
            match tokio::time::timeout_at(next, self.hear()).await {
                Ok(Some(Message::Ended(event))) if record.launch_id.as_ref() == Some(&event.launch_id) => {
                    return self.ended(&record, Some(&event.end)).await;
                }
                Ok(None) => return Ok(()),
                Ok(Some(_)) | Err(_) => {}
            }
            record = match self.cloud.inner.store.instance(&self.id).await.map_err(store_failed)? {
                Some(record) => record,
                None => return Ok(()),
            };
        }
    }

    /// Saves the machine's memory; where that can't be, the stop is a usual one from then on.
    async fn hibernate(&self, record: &InstanceRecord) -> PortResult<()> {
        match hibernate::save(&self.cloud, record).await? {
            Saved::Yes | Saved::NotWanted => Ok(()),
            Saved::Failed(why) => {
                let now = self.cloud.inner.clock.now();
                let reason = StateReason::not_hibernated(&why);
                self.settle(|record| {
                    record.hibernate = false;
                    if record.intent == Intent::Stop {
                        record.transition_reason = transition_text(&reason, now);
                        record.reason = Some(reason);
                    }
                })
                .await
            }
        }
    }

    /// Ends a machine that was saved and stands still. How it ends decides whether its disks are whole.
    async fn end_saved(&mut self, record: &InstanceRecord) -> PortResult<()> {
        self.cloud.inner.ports.vms.kill(&self.id).await?;
        let deadline = Instant::now() + HEAR_OF_END;
        loop {
            let end = match tokio::time::timeout_at(deadline, self.hear()).await {
                Ok(Some(Message::Ended(event))) if record.launch_id.as_ref() == Some(&event.launch_id) => {
                    Some(event.end)
                }
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(()),
                Err(_) => None,
            };
            return self.ended(record, end.as_ref()).await;
        }
    }

    fn grace(&self, record: &InstanceRecord) -> Duration {
        let graces = self.cloud.inner.config.graces;
        match record.intent {
            Intent::Run => graces.reboot,
            Intent::Stop => graces.stop,
            Intent::Terminate => graces.terminate,
        }
    }

    /// Writes what the end of a VMM means that was heard of. Until it is written it is not forgotten, whatever fails.
    async fn judge_end(&mut self) -> PortResult<()> {
        let Some(event) = self.unjudged.clone() else { return Ok(()) };
        let record = self.cloud.inner.store.instance(&self.id).await.map_err(store_failed)?;
        match record.filter(|record| record.launch_id.as_ref() == Some(&event.launch_id)) {
            Some(record) => self.ended(&record, Some(&event.end)).await,
            None => {
                self.unjudged = None;
                Ok(())
            }
        }
    }

    /// Writes what the end of the machine means: `end` is `None` when it was killed here.
    async fn ended(&mut self, record: &InstanceRecord, end: Option<&VmEnd>) -> PortResult<()> {
        let soon = self.started.is_some_and(|at| at.elapsed() < RESET_WINDOW);
        let reset = matches!(end, Some(VmEnd::Recorded(ExitReason::GuestReset)));
        self.resets = if soon && reset { self.resets + 1 } else { 0 };
        let (resets, now) = (self.resets, self.cloud.inner.clock.now());
        let launch_id = record.launch_id.clone();
        // Judged on the row as it is when it is written: what was asked meanwhile counts.
        self.settle(|record| {
            if record.launch_id != launch_id {
                return;
            }
            lose_memory(record, end, now);
            let verdict = judge(record, end, resets);
            info!(instance = %record.id, ?end, ?verdict, "the machine has ended");
            match verdict {
                Verdict::AsWanted => record.machine = Machine::Off,
                Verdict::Again => {
                    record.machine = Machine::Resetting;
                    record.reboot = false;
                }
                Verdict::Changed(intent, reason) => {
                    record.machine = Machine::Off;
                    record.intent = intent;
                    record.transition_reason = transition_text(&reason, now);
                    record.reason = Some(reason);
                }
            }
        })
        .await?;
        self.unjudged = None;
        Ok(())
    }

    /// Writes a fact of the machine's.
    async fn settle(&self, change: impl FnOnce(&mut InstanceRecord) + Send) -> PortResult<()> {
        let inner = &self.cloud.inner;
        let now = inner.clock.now();
        let done = inner
            .store
            .change_instance::<ChangeError>(&self.id, |record| {
                change(record);
                if record.machine == Machine::Off {
                    not_saved(record, now);
                    record.turn_off();
                }
                Ok(())
            })
            .await;
        done.map_err(change_failed)?;
        Ok(())
    }
}

/// A machine that was saved and then did not close its disks has written less to them than its memory knows.
fn lose_memory(record: &mut InstanceRecord, end: Option<&VmEnd>, now: jiff::Timestamp) {
    if record.saved.is_none() || matches!(end, Some(VmEnd::Recorded(ExitReason::Killed))) {
        return;
    }
    let why =
        "the machine ended without closing its disks after its memory was saved, which is of no use then";
    warn!(instance = %record.id, ?end, why);
    let reason = StateReason::machine_failed(why);
    record.saved = None;
    record.hibernate = false;
    record.transition_reason = transition_text(&reason, now);
    record.reason = Some(reason);
}

/// A machine that was to be saved, and was off before it could be.
fn not_saved(record: &mut InstanceRecord, now: jiff::Timestamp) {
    if record.intent == Intent::Stop && record.hibernate && record.saved.is_none() {
        let reason = StateReason::not_hibernated("its machine had ended before");
        record.transition_reason = transition_text(&reason, now);
        record.reason = Some(reason);
    }
}

/// What a driver hears in a while.
enum Heard {
    Message(Message),
    Nothing,
    /// The drivers are to end.
    End,
}

/// What the end of a machine means for its instance.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// It was to end.
    AsWanted,
    /// It is to run again: a reset by the guest, or a reboot that was asked for.
    Again,
    /// Nobody had asked: the intent becomes this, for that reason.
    Changed(Intent, StateReason),
}

fn judge(record: &InstanceRecord, end: Option<&VmEnd>, resets: u32) -> Verdict {
    if record.intent != Intent::Run {
        return Verdict::AsWanted;
    }
    if record.reboot {
        return Verdict::Again;
    }
    let failed = |why: String| Verdict::Changed(Intent::Stop, StateReason::machine_failed(&why));
    match end {
        None => failed("the machine was killed".into()),
        Some(VmEnd::Silent) => failed("the machine's process died without leaving a reason".into()),
        Some(VmEnd::Recorded(ExitReason::GuestReset)) if resets >= MOST_RESETS => {
            failed(format!("the guest reset {resets} times in a row soon after its start"))
        }
        Some(VmEnd::Recorded(ExitReason::GuestReset)) => Verdict::Again,
        Some(VmEnd::Recorded(ExitReason::GuestPoweroff { .. })) => {
            Verdict::Changed(record.shutdown_behavior.intent(), StateReason::guest_initiated())
        }
        Some(VmEnd::Recorded(reason)) => failed(describe(reason)),
    }
}

/// An exit reason in words.
fn describe(reason: &ExitReason) -> String {
    match reason {
        ExitReason::GuestPoweroff { .. } => "the guest powered off".into(),
        ExitReason::GuestReset => "the guest reset".into(),
        ExitReason::Killed => "the machine's process was told to end".into(),
        ExitReason::ParentDied => "the process that had started the machine died".into(),
        ExitReason::TripleFault { vcpu } => format!("vCPU {vcpu} shut down (triple fault)"),
        ExitReason::GuestCrash { how } => format!("the guest could not go on: {how}"),
        ExitReason::DeviceError { device, message } => format!("device {device} failed: {message}"),
        ExitReason::StartFailed { what, message } => format!("{what}: {message}"),
        ExitReason::BadSpec { message } => format!("bad machine specification: {message}"),
        ExitReason::InternalError { message } => format!("the machine's process failed: {message}"),
    }
}

/// EC2's older text of a state reason: `User initiated (2026-01-02 03:04:05 GMT)`.
pub(crate) fn transition_text(reason: &StateReason, now: jiff::Timestamp) -> String {
    let what = match reason.code.as_str() {
        "Client.UserInitiatedShutdown"
        | "Client.InstanceInitiatedShutdown"
        | "Client.UserInitiatedHibernate" => "User initiated",
        code => code,
    };
    format!("{what} ({})", now.strftime("%Y-%m-%d %H:%M:%S GMT"))
}

pub(crate) fn store_failed(error: cumulet_store::StoreError) -> PortError {
    PortError { transient: true, ..PortError::new("the store failed", error) }
}

pub(crate) fn change_failed(error: ChangeError) -> PortError {
    match error {
        ChangeError::Store(error) => store_failed(error),
        ChangeError::Refused(refusal) => PortError::new("a change was refused", refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cumulet_model::state::ShutdownBehavior;

    fn running() -> InstanceRecord {
        crate::run::sample_record()
    }

    #[test]
    fn a_guest_that_powers_off_ends_as_its_shutdown_behaviour_says() {
        let off = VmEnd::Recorded(ExitReason::GuestPoweroff { after_power_button: false });
        let mut record = running();
        record.shutdown_behavior = ShutdownBehavior::Terminate;
        assert_eq!(
            judge(&record, Some(&off), 0),
            Verdict::Changed(Intent::Terminate, StateReason::guest_initiated())
        );
        record.intent = Intent::Stop;
        assert_eq!(judge(&record, Some(&off), 0), Verdict::AsWanted);
    }

    #[test]
    fn a_guest_that_resets_runs_again_but_not_for_ever() {
        let reset = VmEnd::Recorded(ExitReason::GuestReset);
        assert_eq!(judge(&running(), Some(&reset), 1), Verdict::Again);
        assert!(matches!(judge(&running(), Some(&reset), MOST_RESETS), Verdict::Changed(Intent::Stop, _)));
    }

    #[test]
    fn a_reboot_that_was_asked_for_runs_again_however_the_guest_went_down() {
        let mut record = running();
        record.reboot = true;
        assert_eq!(judge(&record, None, 0), Verdict::Again);
        record.intent = Intent::Terminate;
        assert_eq!(judge(&record, None, 0), Verdict::AsWanted);
    }

    #[test]
    fn a_machine_that_died_stops_its_instance_with_the_reason() {
        let Verdict::Changed(Intent::Stop, reason) = judge(&running(), Some(&VmEnd::Silent), 0) else {
            panic!("not stopped")
        };
        assert_eq!(reason.code, "Server.UnexpectedShutdown");
    }
}
