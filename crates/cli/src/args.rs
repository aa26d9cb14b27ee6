//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    address, aws_env, bench, completion, console, copy, exec, flow_log, fork, forward, group, image,
    interface, key, list, modify, reach, reboot, route, run, save, saved, show, ssh, start, stop, subnet,
    subnets, tag, teardown, terminate, types, volume, vpc, vpcs,
};
use crate::doctor;
use crate::failure::EXIT_CODES;

/// A private cloud on this host: microVMs with EC2's model.
#[derive(Debug, Parser)]
#[command(name = "cumulet", version, after_help = after_help(), propagate_version = false, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Print JSON for machines instead of tables for people
    #[arg(long, global = true)]
    pub json: bool,
    /// The daemon's unix socket [default: /run/cumulet/api.sock]
    #[arg(long, global = true, env = "CUMULET_SOCKET", value_name = "PATH", hide_env_values = true)]
    pub socket: Option<PathBuf>,
    /// Reach the daemon over TCP instead, as in http://192.168.1.5:8774
    #[arg(long, global = true, env = "CUMULET_URL", value_name = "URL", hide_env_values = true)]
    pub url: Option<String>,
    /// The token for --url
    #[arg(long, global = true, env = "CUMULET_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell what this host has and lacks, and how to mend it
    Doctor(doctor::Doctor),
    /// Measure this host: boots, memory, disks, network; beside QEMU and Firecracker
    Bench(bench::Bench),
    /// Machine images: list, build, import, remove
    #[command(subcommand, visible_alias = "images")]
    Image(image::Image),
    /// Launch instances
    Run(run::Run),
    /// Make instances that begin where a running one is, or a saved machine
    Fork(fork::Fork),
    /// Save a running instance's machine, to fork from later
    Save(save::Save),
    /// Saved machines: list, remove
    #[command(subcommand)]
    Saved(saved::Saved),
    /// List instances
    #[command(visible_alias = "ps")]
    Ls(list::List),
    /// Show all that is known of an instance
    Show(show::Show),
    /// Log in to an instance, or run a command in it
    Ssh(ssh::Ssh),
    /// Run a program in an instance by its agent; no network, no key
    Exec(exec::Exec),
    /// Copy files and directories into an instance or out of it by its agent
    Cp(copy::Copy),
    /// Reach a port of an instance, or of its neighbours, by its agent
    Forward(forward::Forward),
    /// An instance's serial console: watch it, and type into it
    Console(console::Console),
    /// Stop instances; they keep their disks and private addresses
    Stop(stop::Stop),
    /// Start stopped instances
    Start(start::Start),
    /// Reboot instances
    Reboot(reboot::Reboot),
    /// Terminate instances for good
    #[command(visible_alias = "rm")]
    Terminate(terminate::Terminate),
    /// Key pairs: create, import, list, remove
    #[command(subcommand, visible_alias = "keys")]
    Key(key::Key),
    /// Security groups and their rules
    #[command(subcommand, visible_alias = "groups")]
    Group(group::Group),
    /// Volumes: list, create, attach, detach, resize, remove
    #[command(subcommand, visible_alias = "volumes")]
    Volume(volume::Volume),
    /// Flow logs: list, create, show, remove
    #[command(subcommand, visible_alias = "flow-logs")]
    FlowLog(flow_log::FlowLog),
    /// Network interfaces: list, create, attach, detach, modify, remove
    #[command(subcommand, visible_alias = "interfaces")]
    Interface(interface::Interface),
    /// Elastic addresses: list, allocate, associate, disassociate, release
    #[command(subcommand, visible_alias = "addresses")]
    Address(address::Address),
    /// VPCs: list, create, remove
    #[command(subcommand)]
    Vpc(vpc::Vpc),
    /// Subnets: list, create, remove
    #[command(subcommand)]
    Subnet(subnet::Subnet),
    /// Route tables and routes: list, make, add, remove
    #[command(subcommand, visible_alias = "routes")]
    Route(route::Route),
    /// List the subnets
    Subnets(subnets::Subnets),
    /// Tell which way traffic takes from one end to another, or what stops it
    Reach(reach::Reach),
    /// List the VPCs
    Vpcs(vpcs::Vpcs),
    /// Change an instance: its type, user data, protections
    Modify(modify::Modify),
    /// Set or remove tags of any resource
    Tag(tag::Tag),
    /// List the instance types
    Types(types::Types),
    /// Print what the aws CLI needs: eval "$(cumulet aws-env)"
    AwsEnv(aws_env::AwsEnv),
    /// End all machines and remove everything that was made on this host, but data
    Teardown(teardown::Teardown),
    /// Print the completion script of a shell
    Completion(completion::Completion),
    /// Print the versions of this command and of the daemon
    Version,
}

fn after_help() -> String {
    format!(
        "\
Examples:
  cumulet doctor                             see whether this host is ready
  cumulet image build debian-12              make an image
  cumulet key create me                      make a key pair, kept in ~/.cumulet/keys
  cumulet group create web                   make a security group ...
  cumulet group allow web tcp:22,80 from anywhere
  cumulet run debian-12 --name web --key me --group web --user-data setup.sh
  cumulet ssh web                            log in
  cumulet exec -it web -- bash               the same without network or key
  cumulet terminate web                      and away
  eval \"$(cumulet aws-env)\"                  the aws CLI from here on

Instances are named by id, by the beginning of an id, or by their tag Name.

{EXIT_CODES}"
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_anywhere() {
        let cli = Cli::try_parse_from(["cumulet", "ls", "--json", "--socket", "/x"]).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.socket.as_deref(), Some(std::path::Path::new("/x")));
    }
}
