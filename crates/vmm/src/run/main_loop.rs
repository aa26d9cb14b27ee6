//! The main thread: waits for devices, control connections, console output, signals and changes of the machine's
//! state, until the machine ends.

use super::args::RunArgs;
use super::commands::Operator;
use super::end::Ender;
use super::explain;
use super::signals::{Asked, Signals};
use crate::config::MachineConfig;
use crate::control::Server;
use crate::devices::serial::{Console, ConsoleLog};
use crate::machine::Machine;
use cumulet_vmm_protocol::{ExitReason, Identity};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};

const DEVICES: u64 = 0;
const CONTROL: u64 = 1;
const CONSOLE: u64 = 2;
const SIGNALS: u64 = 3;
const STATE: u64 = 4;
const STDIN: u64 = 5;

/// How long console output may gather before it goes to the log and to readers. A line that has ended after a pause of this
/// length does not wait.
const GATHER: Duration = Duration::from_millis(2);

/// All that the main thread works with.
#[derive(Debug)]
pub struct MainLoop {
    epoll: Epoll,
    operator: Operator,
    server: Server,
    signals: Signals,
    console: Arc<Console>,
    log: ConsoleLog,
    stdio: bool,
    /// When gathered console output is due.
    due: Option<Instant>,
    /// When console output was last passed on.
    flushed: Option<Instant>,
    runs_at_once: bool,
}

impl MainLoop {
    /// Puts everything together.
    #[expect(clippy::too_many_arguments, reason = "each is made by another part, and used here alone")]
    pub fn new(
        args: &RunArgs,
        config: &MachineConfig,
        identity: Identity,
        machine: Machine,
        console: Arc<Console>,
        server: Server,
        signals: Signals,
        began: Instant,
    ) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let mut descriptors = vec![
            (machine.event_loop.as_raw_fd(), DEVICES),
            (server.as_raw_fd(), CONTROL),
            (console.dirty().as_raw_fd(), CONSOLE),
            (signals.as_raw_fd(), SIGNALS),
            (machine.state.changed().as_raw_fd(), STATE),
        ];
        if args.stdio {
            descriptors.push((io::stdin().as_raw_fd(), STDIN));
        }
        for (descriptor, token) in descriptors {
            let added = epoll.ctl(ControlOperation::Add, descriptor, EpollEvent::new(EventSet::IN, token));
            // Standard input may be a file, which can't be waited for: nothing is typed then.
            if token != STDIN {
                added?;
            }
        }
        let log = ConsoleLog::create(console.clone(), config.console_log_bytes)?;
        let operator = Operator::new(
            identity,
            machine,
            console.clone(),
            epoll.as_raw_fd(),
            DEVICES,
            began,
            config.begin.is_restore(),
        );
        Ok(Self {
            epoll,
            operator,
            server,
            signals,
            console,
            log,
            stdio: args.stdio,
            due: None,
            flushed: None,
            runs_at_once: config.begin.runs_at_once(),
        })
    }

    /// Runs the machine and ends the process.
    pub fn run(mut self, ender: &Ender) -> ! {
        let begun = self.operator.begin(self.runs_at_once);
        let reason = loop {
            if let Err(error) = &begun {
                break ExitReason::InternalError { message: format!("main loop: {}", explain(error)) };
            }
            if let Err(error) = self.turn() {
                break ExitReason::InternalError { message: format!("main loop: {}", explain(&error)) };
            }
            if let Some(reason) = self.operator.machine().state.exit() {
                break reason;
            }
        };
        let reason = self.operator.close_down(reason);
        self.flush_console();
        ender.end(reason)
    }

    fn turn(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::default(); 8];
        let timeout =
            self.due.map_or(-1, |due| due.saturating_duration_since(Instant::now()).as_millis() as i32 + 1);
        let count = match self.epoll.wait(timeout, &mut events) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        };
        for event in &events[..count] {
            self.serve(event.data())?;
        }
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.due = None;
            self.flush_console();
            self.server.serve_waiting(&mut self.operator);
        }
        Ok(())
    }

    fn serve(&mut self, token: u64) -> io::Result<()> {
        match token {
            DEVICES => self.operator.machine().event_loop.serve()?,
            CONTROL => self.server.serve(&mut self.operator)?,
            CONSOLE => {
                let _ = self.console.dirty().read();
                let now = Instant::now();
                let paused = self.flushed.is_none_or(|at| now - at >= GATHER);
                match paused && self.console.has_line() {
                    true => self.due = Some(now),
                    false => drop(self.due.get_or_insert(now + GATHER)),
                }
            }
            SIGNALS => self.take_signals(),
            STATE => {
                let _ = self.operator.machine().state.changed().read();
                self.operator.keep_up();
                self.server.serve_waiting(&mut self.operator);
                self.operator.forget();
            }
            _ => self.read_stdin()?,
        }
        Ok(())
    }

    fn take_signals(&mut self) {
        while let Some(asked) = self.signals.take() {
            self.operator.machine().state.end(match asked {
                Asked::Kill => ExitReason::Killed,
                Asked::ParentDied => ExitReason::ParentDied,
            });
        }
    }

    fn flush_console(&mut self) {
        self.flushed = Some(Instant::now());
        let new = self.log.flush();
        if self.stdio {
            let _ = io::stdout().write_all(&new).and_then(|()| io::stdout().flush());
        }
    }

    fn read_stdin(&mut self) -> io::Result<()> {
        let mut bytes = [0; 1024];
        match io::stdin().read(&mut bytes) {
            Ok(count @ 1..) => drop(self.operator.machine().serial.type_in(&bytes[..count])),
            _ => self.epoll.ctl(ControlOperation::Delete, io::stdin().as_raw_fd(), EpollEvent::default())?,
        }
        Ok(())
    }
}
