//! `cumuletd`: reads the configuration, takes the lock of the state directory, puts the parts together, serves until
//! it is told to end. Guests outlive it: ending the daemon ends no machine and takes down no network; `cumuletd
//! teardown` does.
#![forbid(unsafe_code)]

mod compose;
mod config;
mod doors;
mod limits;
mod lock;
mod metadata;
mod serve;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use config::{Config, Overrides};

/// The daemon of a small private cloud.
#[derive(Debug, Parser)]
#[command(name = "cumuletd", version)]
struct Args {
    /// Configuration file (TOML); not there is the same as empty.
    #[arg(long, env = "CUMULET_CONFIG", default_value = "/etc/cumulet/cumulet.toml")]
    config: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve; the same as no command.
    Serve,
    /// Stop all machines and remove everything that this installation made on the host. Images, volumes and instances
    /// stay, unless --purge.
    Teardown {
        /// Remove the state directory's contents too: images, volumes, the database.
        #[arg(long)]
        purge: bool,
    },
    /// Print the configuration as it is after file, flags and defaults.
    ShowConfig,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

fn main() -> ExitCode {
    let args = Args::parse();
    start_log(args.log_format);
    limits::lift_open_files();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cumuletd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    // What the daemon writes (secret keys, disks) is for nobody else.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let config = Config::load(&args.config, &args.overrides)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("can't start a runtime")?;
    match args.command.unwrap_or(Command::Serve) {
        Command::Serve => runtime.block_on(serve::serve(config)),
        Command::Teardown { purge } => runtime.block_on(compose::teardown(config, purge)),
        Command::ShowConfig => {
            println!("{config:#?}");
            Ok(())
        }
    }?;
    // File work that a blocking thread has begun is finished; nothing else is waited for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(10));
    Ok(())
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("CUMULET_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,cumulet_net::network=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
