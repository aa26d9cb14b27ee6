//! `cumulet exec`: a program in an instance, with its streams, its terminal, its signals and its status.
//!
//! Three things go on at once: what the program writes is printed (by a thread, as a reader of ours may be slow), what
//! is typed is sent as the agent has room for it, and signals are passed on whatever the other two wait for.

use std::io::Write;

use clap::Args;
use cumulet_client::agent::protocol::{
    AgentMessage, CHUNK, Channel, ClientMessage, Exit, Frame, STDIN_WINDOW, Signal, TerminalSize,
};
use cumulet_client::types::guest;
use cumulet_client::{AgentStream, Error};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};

use super::key_value;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;
use crate::terminal::{self, Raw};

/// Run a program in an instance, by the agent in its guest.
///
/// It needs no network, no address and no key, but an image that has cumulet-agent. The program is run as it is, without
/// a shell, as root unless told. Its exit code is this command's. When this command is ended, so is the program.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet exec web -- systemctl is-system-running
  cumulet exec -it web -- bash
  cumulet exec -i web -- sh -c 'cat >/etc/motd' <motd
  cumulet exec -u debian -w /srv -e STAGE=test web -- make test")]
pub struct Exec {
    /// Pass standard input on
    #[arg(short, long)]
    interactive: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    tty: bool,
    /// The user to run it as, by name or number [default: root]
    #[arg(short, long)]
    user: Option<String>,
    /// The directory to run it in [default: the user's home]
    #[arg(short, long, value_name = "DIRECTORY")]
    workdir: Option<String>,
    /// A variable; may be given again
    #[arg(short, long = "env", value_name = "NAME=VALUE", value_parser = key_value)]
    env: Vec<(String, String)>,
    /// The instance: id, beginning of an id, or name
    instance: String,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Exec {
    pub async fn run(self, context: &Context) -> Result<()> {
        let exit = self.exit(context).await.map_err(|failure| {
            let code = match &failure {
                Failure::Client(Error::Refused { body, .. }) if body.code == "AgentFailed.NotFound" => 127,
                Failure::Client(Error::Refused { body, .. }) if body.code == "AgentFailed" => 126,
                _ => 125,
            };
            Failure::WithCode { code, source: Box::new(failure) }
        })?;
        match exit.shell_status() {
            0 => Ok(()),
            status => Err(Failure::Status(status)),
        }
    }

    async fn exit(&self, context: &Context) -> Result<Exit> {
        let instance = resolve::instance(&context.client, &self.instance).await?;
        let stream = context.client.exec_stream(&instance.id, &self.request()).await?;
        let raw = if self.tty && self.interactive { Raw::enter()? } else { None };
        let exit = follow(stream, self.interactive, self.tty).await;
        drop(raw);
        exit
    }

    fn request(&self) -> guest::Exec {
        let mut env: std::collections::BTreeMap<_, _> = self.env.iter().cloned().collect();
        if self.tty
            && let Ok(term) = std::env::var("TERM")
        {
            env.entry("TERM".into()).or_insert(term);
        }
        let (columns, rows) = terminal::size();
        guest::Exec {
            argv: self.command.clone(),
            env,
            cwd: self.workdir.clone(),
            user: self.user.clone(),
            stdin: self.interactive,
            terminal: self.tty.then_some(guest::Terminal { columns, rows }),
            ..guest::Exec::default()
        }
    }
}

/// Carries everything until the program has ended.
async fn follow(stream: AgentStream, has_input: bool, has_terminal: bool) -> Result<Exit> {
    let AgentStream { mut reader, mut writer, .. } = stream;
    let room = Semaphore::new(STDIN_WINDOW);
    let (printer, printed) = print();
    let reading = async {
        loop {
            let frame = reader.next().await.map_err(Error::from)?;
            let Some(frame) = frame else { return Err(broken_off()) };
            match frame.channel {
                Channel::Message => match frame.read_message().map_err(unreadable)? {
                    AgentMessage::Room(more) => room.add_permits(more.bytes as usize),
                    AgentMessage::Exited(exit) => return Ok(exit),
                    AgentMessage::Failed(failure) => return Err(Failure::Other(failure.message)),
                    _ => return Err(broken_off()),
                },
                // Where nobody reads what is printed, the printer says so.
                _ => _ = printer.send(frame).await,
            }
        }
    };
    let writing = async {
        let mut input = has_input.then(|| crate::stdin::read(CHUNK));
        let mut waiting: Option<Vec<u8>> = None;
        let mut signals = Signals::new(has_terminal)?;
        loop {
            let wanted = waiting.as_ref().map_or(1, |bytes| bytes.len() as u32);
            let message = tokio::select! {
                message = signals.next() => message,
                permits = room.acquire_many(wanted), if waiting.is_some() => {
                    if let Ok(permits) = permits {
                        permits.forget();
                    }
                    writer.send(&waiting.take().unwrap_or_default()).await.map_err(Error::from)?;
                    continue;
                }
                bytes = next(&mut input), if waiting.is_none() => match bytes {
                    Some(bytes) => {
                        waiting = Some(bytes);
                        continue;
                    }
                    None => {
                        input = None;
                        ClientMessage::End
                    }
                },
            };
            writer.say(&message).await.map_err(Error::from)?;
        }
    };
    let exit = tokio::select! {
        exit = reading => exit,
        failure = writing => failure,
        () = nobody_reads(&printer) => Err(Failure::Told),
    };
    drop(printer);
    // The last of it, also after a failure.
    _ = tokio::task::spawn_blocking(move || printed.join()).await;
    exit
}

/// The next piece of input; waits for ever where there is none.
async fn next(input: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match input {
        Some(input) => input.recv().await,
        None => std::future::pending().await,
    }
}

async fn nobody_reads(printer: &mpsc::Sender<Frame>) {
    printer.closed().await;
}

/// Prints frames in a thread; ends with the first that can't be printed.
fn print() -> (mpsc::Sender<Frame>, std::thread::JoinHandle<()>) {
    let (sender, mut receiver) = mpsc::channel::<Frame>(16);
    let thread = std::thread::spawn(move || {
        while let Some(frame) = receiver.blocking_recv() {
            let written = match frame.channel {
                Channel::Errors => std::io::stderr().lock().write_all(&frame.payload),
                _ => {
                    let mut stdout = std::io::stdout().lock();
                    stdout.write_all(&frame.payload).and_then(|()| stdout.flush())
                }
            };
            if written.is_err() {
                return;
            }
        }
    });
    (sender, thread)
}

fn broken_off() -> Failure {
    Failure::Other("the instance broke off: it stopped, or its agent did".into())
}

fn unreadable(error: cumulet_client::agent::protocol::FrameError) -> Failure {
    Failure::Other(format!("the instance's agent says what makes no sense: {error}"))
}

/// What the user's terminal and system tell this command, and the program is to be told.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    resized: tokio::signal::unix::Signal,
    has_terminal: bool,
}

impl Signals {
    fn new(has_terminal: bool) -> Result<Self> {
        let watch = |kind| signal(kind).map_err(Failure::io("cannot watch for signals"));
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hangup: watch(SignalKind::hangup())?,
            quit: watch(SignalKind::quit())?,
            resized: watch(SignalKind::window_change())?,
            has_terminal,
        })
    }

    async fn next(&mut self) -> ClientMessage {
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hangup.recv() => SignalKind::hangup(),
            _ = self.quit.recv() => SignalKind::quit(),
            _ = self.resized.recv(), if self.has_terminal => {
                let (columns, rows) = terminal::size();
                return ClientMessage::Resize(TerminalSize { columns, rows });
            }
        };
        ClientMessage::Signal(Signal { number: kind.as_raw_value() })
    }
}
