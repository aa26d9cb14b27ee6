//! `cumulet`: the command for people and scripts. Reads its arguments, asks the daemon over the JSON API, prints.
//!
//! `args` says what can be asked, `commands` does it (a file for each command), `output` prints it, `failure` holds
//! the exit codes.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout)]

mod args;
mod commands;
mod context;
mod doctor;
mod failure;
mod home;
mod output;
mod resolve;
mod rules;
mod stdin;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.global.json;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cumulet: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::dispatch(cli));
    // A thread may still wait for a key on standard input; it must not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json);
            ExitCode::from(failure.exit_code())
        }
    }
}
