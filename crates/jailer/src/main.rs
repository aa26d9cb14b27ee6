//! `cumulet-jailer`: puts a VMM into its jail and becomes it.
#![forbid(unsafe_code)]

use cumulet_jailer::{ArgsError, JailArgs, explain, run};
use std::process::ExitCode;

/// Exit status for a wrong command line.
const STATUS_USAGE: u8 = 2;
/// Exit status when there is no jail to be had. The VMM has not run then.
const STATUS_NO_JAIL: u8 = 4;

fn main() -> ExitCode {
    let args = match JailArgs::parse(std::env::args_os().skip(1)) {
        Ok(args) => args,
        Err(answer @ (ArgsError::Help | ArgsError::Version)) => {
            println!("{answer}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("cumulet-jailer: {error}");
            return ExitCode::from(STATUS_USAGE);
        }
    };
    match run(&args) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("cumulet-jailer: {}", explain(&error));
            ExitCode::from(STATUS_NO_JAIL)
        }
    }
}
