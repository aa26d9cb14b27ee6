//! The command `cumulet-firstboot`: one phase, then its outcome as the exit status.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use cumulet_firstboot::args::{Arguments, Phase, USAGE};
use cumulet_firstboot::context::Context;
use cumulet_firstboot::{init, user_data};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("cumulet-firstboot: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let phase = match arguments.phase {
        Phase::Help => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Phase::Init => init::run as fn(&mut Context) -> _,
        Phase::UserData => user_data::run,
    };
    let outcome = Context::new(arguments).and_then(|mut context| {
        let outcome = phase(&mut context);
        context.finish(outcome)
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cumulet-firstboot: {}", cumulet_firstboot::error::chain(&error));
            ExitCode::FAILURE
        }
    }
}
