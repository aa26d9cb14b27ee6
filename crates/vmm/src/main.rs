//! `cumulet-vmm`: runs one machine.

use cumulet_vmm::run::{ArgsError, RunArgs, complain, explain, run};
use std::process::ExitCode;
use std::time::Instant;

/// Exit status when there is no run directory to leave a record in.
const STATUS_NO_RECORD: u8 = 3;
/// Exit status for a wrong command line.
const STATUS_USAGE: u8 = 2;

fn main() -> ExitCode {
    let began = Instant::now();
    let args = match RunArgs::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(answer @ (ArgsError::Help | ArgsError::Version)) => {
            println!("{answer}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(STATUS_USAGE);
        }
    };
    match run(&args, began) {
        Ok(never) => match never {},
        Err(error) => {
            complain(&explain(&error));
            ExitCode::from(STATUS_NO_RECORD)
        }
    }
}
