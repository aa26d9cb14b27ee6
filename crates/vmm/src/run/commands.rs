//! What the control socket can ask of a machine, and how the machine is begun, paused and closed down.

use super::snapshots::{self, Saving};
use super::{devices, explain};
use crate::control::{Answer, Asked, Commands};
use crate::devices::power;
use crate::devices::serial::Console;
use crate::machine::Machine;
use crate::virtio::VirtioDevice;
use cumulet_vmm_protocol::control::MAX_CONSOLE_CHUNK;
use cumulet_vmm_protocol::{
    Command, ConsoleChunk, ConsoleRead, ExitReason, Identity, Metrics, Phase, Refusal, RefusalCode, Reply,
};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

/// Operates the machine for the main loop and the control socket.
#[derive(Debug)]
pub struct Operator {
    identity: Identity,
    machine: Machine,
    console: Arc<Console>,
    /// The main loop's epoll, and the mark of the devices in it.
    main_epoll: (RawFd, u64),
    began: Instant,
    start_us: u64,
    /// Whether the machine was restored and has not run yet.
    restored: bool,
    saving: Saving,
}

impl Operator {
    /// For a built machine.
    pub fn new(
        identity: Identity,
        machine: Machine,
        console: Arc<Console>,
        main_epoll: RawFd,
        devices: u64,
        began: Instant,
        restored: bool,
    ) -> Self {
        Self {
            identity,
            machine,
            console,
            main_epoll: (main_epoll, devices),
            began,
            start_us: 0,
            restored,
            saving: Saving::default(),
        }
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Follows what the guest did with its devices.
    pub fn keep_up(&mut self) {
        self.machine.keep_up();
    }

    /// Forgets devices that are gone.
    pub fn forget(&mut self) {
        self.machine.forget();
    }

    /// Lets the guest run for the first time, at once or when it is resumed.
    pub fn begin(&mut self, at_once: bool) -> io::Result<()> {
        self.start_us = self.began.elapsed().as_micros() as u64;
        if at_once {
            self.machine.state.set_phase(Phase::Running);
            self.go_on();
        } else {
            self.listen_to_devices(libc::EPOLL_CTL_DEL)?;
            self.machine.state.set_phase(Phase::Paused);
        }
        Ok(())
    }

    fn go_on(&mut self) {
        if std::mem::take(&mut self.restored) {
            self.machine.parts.iter().for_each(|part| part.restored());
            let generation = if self.machine.generation_id { power::EVENT_GENERATION } else { 0 };
            // A full counter means that it is being raised already.
            let _ = self.machine.power.raise(power::EVENT_CLOCK | generation);
        }
        self.machine.disk_gate.open();
        self.machine.vcpus.resume();
    }

    /// Makes everything quiet and closes the disks. A disk that can't be closed is the reason then, unless the
    /// machine ended for worse.
    pub fn close_down(&mut self, reason: ExitReason) -> ExitReason {
        self.machine.vcpus.end();
        self.machine.disk_gate.end(|| nudge(&self.machine));
        for (disk, name) in self.machine.all_disks().map(|disk| (disk, disk.metrics().id)) {
            if let Err(error) = disk.close() {
                return ExitReason::DeviceError { device: name, message: explain(&error) };
            }
        }
        reason
    }

    fn pause(&self) -> Result<Reply, Refusal> {
        if self.machine.state.status().phase == Phase::Running {
            self.machine.vcpus.pause();
            self.machine.disk_gate.close(|| nudge(&self.machine));
            self.listen_to_devices(libc::EPOLL_CTL_DEL).map_err(|error| failed(&error))?;
        }
        Ok(Reply::Status(self.machine.state.set_phase(Phase::Paused)))
    }

    fn resume(&mut self) -> Result<Reply, Refusal> {
        if self.machine.state.status().phase == Phase::Paused {
            self.listen_to_devices(libc::EPOLL_CTL_ADD).map_err(|error| failed(&error))?;
            self.machine.vcpus.tell_they_stood();
            self.go_on();
        }
        Ok(Reply::Status(self.machine.state.set_phase(Phase::Running)))
    }

    fn listen_to_devices(&self, operation: i32) -> io::Result<()> {
        let (epoll, devices) = self.main_epoll;
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: devices };
        // SAFETY: both descriptors are owned by this process's only machine and loop; the event is ours.
        match unsafe {
            libc::epoll_ctl(epoll, operation, self.machine.event_loop.as_raw_fd(), &raw mut event)
        } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn press_power_button(&self) -> Result<Reply, Refusal> {
        self.machine.state.count_power_button();
        self.machine.power.press_button().map_err(|error| failed(&error))?;
        Ok(Reply::Done)
    }

    fn read_console(&self, read: &ConsoleRead) -> Answer {
        if read.wait && read.offset.is_some_and(|offset| offset >= self.console.end()) {
            return Answer::Later;
        }
        let (offset, data, end) = self.console.read(read.offset, (read.max as usize).min(MAX_CONSOLE_CHUNK));
        Answer::Now(Ok(Reply::Console(ConsoleChunk { offset, end, data })))
    }

    fn metrics(&self) -> Metrics {
        Metrics {
            uptime_us: self.began.elapsed().as_micros() as u64,
            start_us: self.start_us,
            vcpus: self.machine.vcpus.metrics(),
            disks: self.machine.disks.iter().map(|disk| disk.metrics()).collect(),
            nets: self.machine.nets.iter().map(|net| net.metrics()).collect(),
            vsock: self.machine.vsock.as_ref().map(|vsock| vsock.metrics()).unwrap_or_default(),
            balloon: self.machine.balloon.as_ref().map(|balloon| balloon.metrics()).unwrap_or_default(),
            memory: self.machine.memory_metrics(),
            entropy_bytes: self.machine.entropy.as_ref().map_or(0, |entropy| entropy.bytes()),
            console_out_bytes: self.console.end(),
            console_in_bytes: self.machine.serial.typed_bytes(),
        }
    }
}

impl Commands for Operator {
    fn execute(&mut self, asked: &mut Asked) -> Answer {
        let status = self.machine.state.status();
        Answer::Now(match &asked.command {
            Command::Hello => Ok(Reply::Hello(self.identity.clone())),
            Command::Status => Ok(Reply::Status(status)),
            Command::WaitStatus(wait) if status.generation <= wait.after => return Answer::Later,
            Command::WaitStatus(_) => Ok(Reply::Status(status)),
            Command::Metrics => Ok(Reply::Metrics(Box::new(self.metrics()))),
            Command::ConsoleRead(read) => return self.read_console(read),
            Command::Kill => {
                self.machine.state.end(ExitReason::Killed);
                Ok(Reply::Done)
            }
            _ if status.phase == Phase::Exiting => {
                Err(Refusal { code: RefusalCode::WrongPhase, message: "the machine is ending".to_owned() })
            }
            Command::AttachDisk(_)
            | Command::AttachNet(_)
            | Command::Detach(_)
            | Command::ResizeDisk(_)
            | Command::SetLimits(_)
            | Command::Balloon(_)
            | Command::Memory(_) => return devices::execute(&mut self.machine, asked),
            Command::Snapshot(_) | Command::ForkBase | Command::SwapDisk(_) | Command::WorkingSet(_) => {
                return snapshots::execute(&self.machine, &mut self.saving, asked);
            }
            Command::Resume if self.saving.is_busy() => Err(Refusal {
                code: RefusalCode::Busy,
                message: "the machine stands still until its snapshot is written".to_owned(),
            }),
            Command::Pause => self.pause(),
            Command::Resume => self.resume(),
            Command::PowerButton => self.press_power_button(),
            Command::ConsoleWrite(write) if write.data.len() > MAX_CONSOLE_CHUNK => Err(Refusal {
                code: RefusalCode::BadRequest,
                message: format!("at most {MAX_CONSOLE_CHUNK} bytes can be typed at once"),
            }),
            Command::ConsoleWrite(write) => {
                Ok(Reply::Written(self.machine.serial.type_in(&write.data) as u64))
            }
        })
    }
}

/// Wakes the disks' and interfaces' threads, so that they look at their gate.
fn nudge(machine: &Machine) {
    machine.all_nets().for_each(|net| net.nudge());
    for disk in machine.all_disks() {
        // A full counter wakes just as well.
        let _ = disk.kicks()[0].write(1);
    }
}

pub(super) fn failed(error: &dyn std::error::Error) -> Refusal {
    Refusal { code: RefusalCode::Failed, message: explain(error) }
}
