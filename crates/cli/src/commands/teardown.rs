//! `cumulet teardown`: by the daemon if it runs, by its binary otherwise.

use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use cumulet_client::Error;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Progress, say};

/// End all machines and remove everything that was made on this host: processes, namespaces, taps, firewall rules.
///
/// Data stays: images, volumes and the database. A daemon that runs does it and ends; without one, `cumuletd
/// teardown` does it.
/// Doing it twice is as good as once.
#[derive(Debug, Args)]
pub struct Teardown {
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
    /// Where the daemon keeps its data, for when it does not run
    #[arg(long, value_name = "DIR", env = "CUMULET_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Where the daemon keeps sockets and machines, for when it does not run
    #[arg(long, value_name = "DIR", env = "CUMULET_RUN_DIR")]
    run_dir: Option<PathBuf>,
}

impl Teardown {
    pub async fn run(self, context: &Context) -> Result<()> {
        if !self.yes {
            confirm()?;
        }
        let mut progress = Progress::new(context.json);
        let work = context.client.teardown();
        match progress.during("ending machines and cleaning the host", work).await {
            Ok(done) => {
                progress.during("waiting for the daemon to end", gone(context)).await;
                drop(progress);
                if !context.printed_json(&done)? {
                    say!("The host is clean and the daemon has ended.")?;
                    say!("Images, volumes and the database are kept.")?;
                }
                Ok(())
            }
            Err(Error::Unreachable { source, .. })
                if source.kind() != std::io::ErrorKind::PermissionDenied =>
            {
                drop(progress);
                self.by_the_daemons_binary()
            }
            Err(error) => Err(error.into()),
        }
    }

    fn by_the_daemons_binary(&self) -> Result<()> {
        eprintln!("cumulet: no daemon answers; cleaning up with `cumuletd teardown`");
        let mut command = Command::new(daemon_binary());
        // As the daemon has it: its directories come before what it shall do.
        for (name, value) in [("--state-dir", &self.state_dir), ("--run-dir", &self.run_dir)] {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        }
        let status = command.arg("teardown").status().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::Other(
                "no daemon answers, and there is no cumuletd in PATH to clean up with; $CUMULETD names it elsewhere"
                    .into(),
            ),
            _ => Failure::io("cannot start cumuletd")(error),
        })?;
        if !status.success() {
            return Err(Failure::Other(format!("cumuletd teardown ended with {status}")));
        }
        eprintln!("The host is clean. Images, volumes and the database are kept.");
        Ok(())
    }
}

/// Waits until the daemon, which has nothing left to do, no longer answers; or for some seconds.
async fn gone(context: &Context) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while Instant::now() < deadline && context.client.health().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// `$CUMULETD`, or `cumuletd` beside this command, else by PATH.
fn daemon_binary() -> OsString {
    if let Some(named) = std::env::var_os("CUMULETD").filter(|named| !named.is_empty()) {
        return named;
    }
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("cumuletd"));
    beside.filter(|path| path.exists()).map_or_else(|| "cumuletd".into(), PathBuf::into_os_string)
}

fn confirm() -> Result<()> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Usage("this ends all machines on this host; say --yes if you mean it".into()));
    }
    eprint!("This ends all machines on this host. Go on? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(Failure::io("cannot read the answer"))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Other("nothing was done".into())),
    }
}
