//! The commands, a file each.

pub mod address;
pub mod aws_env;
pub mod bench;
pub mod completion;
pub mod console;
pub mod copy;
pub mod exec;
pub mod flow_log;
pub mod fork;
pub mod forward;
pub mod group;
pub mod image;
pub mod interface;
pub mod key;
pub mod list;
pub mod modify;
pub mod reach;
pub mod reboot;
pub mod route;
pub mod run;
pub mod save;
pub mod saved;
pub mod show;
pub mod ssh;
pub mod start;
pub mod stop;
pub mod subnet;
pub mod subnets;
pub mod tag;
pub mod teardown;
pub mod terminate;
pub mod types;
mod version;
pub mod volume;
pub mod vpc;
pub mod vpcs;
mod wait;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::failure::Result;

/// Does what was asked.
pub async fn dispatch(cli: Cli) -> Result<()> {
    if let Command::Completion(completion) = &cli.command {
        return completion.run();
    }
    let context = Context::new(&cli.global)?;
    match cli.command {
        Command::Doctor(command) => command.run(&context).await,
        Command::Bench(command) => command.run(&context).await,
        Command::Image(command) => command.run(&context).await,
        Command::Run(command) => command.run(&context).await,
        Command::Fork(command) => command.run(&context).await,
        Command::Save(command) => command.run(&context).await,
        Command::Saved(command) => command.run(&context).await,
        Command::Ls(command) => command.run(&context).await,
        Command::Show(command) => command.run(&context).await,
        Command::Ssh(command) => command.run(&context).await,
        Command::Console(command) => command.run(&context).await,
        Command::Exec(command) => command.run(&context).await,
        Command::Cp(command) => command.run(&context).await,
        Command::Forward(command) => command.run(&context).await,
        Command::Stop(command) => command.run(&context).await,
        Command::Start(command) => command.run(&context).await,
        Command::Reboot(command) => command.run(&context).await,
        Command::Terminate(command) => command.run(&context).await,
        Command::Key(command) => command.run(&context).await,
        Command::Group(command) => command.run(&context).await,
        Command::FlowLog(command) => command.run(&context).await,
        Command::Volume(command) => command.run(&context).await,
        Command::Address(command) => command.run(&context).await,
        Command::Interface(command) => command.run(&context).await,
        Command::Vpc(command) => command.run(&context).await,
        Command::Subnet(command) => command.run(&context).await,
        Command::Route(command) => command.run(&context).await,
        Command::Subnets(command) => command.run(&context).await,
        Command::Reach(command) => command.run(&context).await,
        Command::Vpcs(command) => command.run(&context).await,
        Command::Modify(command) => command.run(&context).await,
        Command::Tag(command) => command.run(&context).await,
        Command::Types(command) => command.run(&context).await,
        Command::AwsEnv(command) => command.run(&context).await,
        Command::Teardown(command) => command.run(&context).await,
        Command::Completion(_) => Ok(()),
        Command::Version => version::run(&context).await,
    }
}

/// `KEY=VALUE`, as tags are given; the value may be empty or hold more `=`.
pub fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) | None => Err(format!("{text:?} is not of the form KEY=VALUE")),
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
    }
}
