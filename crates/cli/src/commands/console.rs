//! `cumulet console`: the serial console, followed and typed into.
//!
//! Output comes by requests that wait for more; input goes by a request for each piece typed. On a terminal every
//! key goes to the guest, but Ctrl-] which leaves.

use std::io::{IsTerminal, Read};
use std::time::Duration;

use clap::Args;
use cumulet_client::Client;
use cumulet_client::types::instance::InstanceState;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::failure::Result;
use crate::terminal::Raw;
use crate::{output, resolve};

/// Ctrl-], as telnet and virsh have it.
const ESCAPE: u8 = 0x1d;

/// How often in a row the console may fail to answer.
const FAILURES: u32 = 50;

/// The pause after a request that changed nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// An instance's serial console: watch it, and type into it.
///
/// On a terminal, what you type goes to the guest; Ctrl-] leaves. Otherwise standard input goes to the guest until
/// its end, and the output goes on until you interrupt it or the instance stops.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet console web
  cumulet console web --log | less")]
pub struct Console {
    /// The instance: id, beginning of an id, or name
    instance: String,
    /// Print what the console said (at most its last 64 KiB) and end
    #[arg(short, long)]
    log: bool,
    /// Watch only, type nothing
    #[arg(short, long, conflicts_with = "log")]
    watch: bool,
}

impl Console {
    pub async fn run(self, context: &Context) -> Result<()> {
        let instance = resolve::instance(&context.client, &self.instance).await?;
        if self.log {
            return print_log(context, &instance.id).await;
        }
        let follow = follow(&context.client, &instance.id);
        if self.watch {
            return follow.await;
        }
        if std::io::stdin().is_terminal() {
            eprint!("Console of {}. Ctrl-] leaves.\r\n", instance.id);
        }
        let raw = Raw::enter()?;
        let input = forward_input(&context.client, &instance.id, raw.is_some());
        let ended = tokio::select! {
            ended = follow => ended,
            left = input => left,
        };
        drop(raw);
        ended
    }
}

async fn print_log(context: &Context, id: &str) -> Result<()> {
    let piece = context.client.console_read(id, None, false).await?;
    if context.json {
        let text = String::from_utf8_lossy(&piece.data);
        return context.printed_json(&serde_json::json!({ "output": text, "next": piece.next })).map(drop);
    }
    output::put(&piece.data)
}

/// Prints the console's output until the instance no longer runs. A machine that is started anew, as by a reboot, is
/// followed from its beginning.
async fn follow(client: &Client, id: &str) -> Result<()> {
    let mut offset = None;
    let mut failures = 0;
    loop {
        // A machine that comes or goes just now may not answer; one that keeps silent is given up.
        let piece = match client.console_read(id, offset, offset.is_some()).await {
            Ok(piece) => piece,
            Err(error) if failures >= FAILURES => return Err(error.into()),
            Err(_) => {
                failures += 1;
                if is_over(client, id).await? {
                    return Ok(());
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        failures = 0;
        if offset.is_some_and(|asked| piece.offset < asked) {
            offset = Some(0);
            continue;
        }
        output::put(&piece.data)?;
        if piece.data.is_empty() {
            if is_over(client, id).await? {
                return Ok(());
            }
            if is_begun_anew(client, id, piece.next).await {
                offset = Some(0);
                continue;
            }
            tokio::time::sleep(PAUSE).await;
        }
        offset = Some(piece.next);
    }
}

/// Whether the instance has stopped, which is then told.
async fn is_over(client: &Client, id: &str) -> Result<bool> {
    let state = client.instance(id).await?.instance.state;
    let over = matches!(state, InstanceState::Stopped | InstanceState::Terminated);
    if over {
        eprint!("\r\n{id} is {state}\r\n");
    }
    Ok(over)
}

/// Whether the console's end is now before `offset`.
async fn is_begun_anew(client: &Client, id: &str, offset: u64) -> bool {
    let look = client.console_read(id, Some(offset), false).await;
    look.is_ok_and(|piece| piece.offset < offset)
}

/// Sends standard input to the guest; returns when the escape key was typed, and never when the input merely ended.
async fn forward_input(client: &Client, id: &str, raw: bool) -> Result<()> {
    let mut input = read_input();
    while let Some(mut data) = input.recv().await {
        let escape = data.iter().position(|byte| raw && *byte == ESCAPE);
        data.truncate(escape.unwrap_or(data.len()));
        type_in(client, id, &data).await?;
        if escape.is_some() {
            eprint!("\r\n");
            return Ok(());
        }
    }
    std::future::pending().await
}

async fn type_in(client: &Client, id: &str, mut data: &[u8]) -> Result<()> {
    while !data.is_empty() {
        let written = client.console_write(id, data).await?;
        let written = usize::try_from(written).unwrap_or(usize::MAX).min(data.len());
        data = &data[written..];
        if written == 0 {
            // The guest's receive buffer is full: it reads when it reads.
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Reads standard input in a thread of its own, as a read that waits can't be called off.
fn read_input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut stdin = std::io::stdin().lock();
        while let Ok(count @ 1..) = stdin.read(&mut buffer) {
            if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}
