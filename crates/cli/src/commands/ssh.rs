//! `cumulet ssh`: the system's ssh with the right address, user, key and known host key.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use cumulet_client::types::instance::{Instance, InstanceState};
use cumulet_client::types::security_group::{Direction, SecurityGroup};
use tokio::net::TcpStream;

use super::wait;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::Progress;
use crate::resolve;

/// The pause between two looks at the instance's state while it takes no connection.
const STATE_PAUSE: Duration = Duration::from_secs(3);

/// Log in to an instance, or run a command in it.
///
/// The user is the image's default user, the key the one in ~/.cumulet/keys that `cumulet key create` put there. The
/// host's key is taken at first sight and kept for this instance alone. An instance that is still on its way is
/// waited for.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet ssh web
  cumulet ssh web -- sudo journalctl -f
  cumulet ssh admin@web -i ~/.ssh/id_ed25519 -o '-L 8080:localhost:80'")]
pub struct Ssh {
    /// The instance: id, beginning of an id, or name; USER@ before it takes another user
    #[arg(value_name = "[USER@]INSTANCE")]
    instance: String,
    /// Private key file
    #[arg(short, long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// User [default: the image's]
    #[arg(short, long)]
    login: Option<String>,
    /// Port
    #[arg(short, long, default_value_t = 22)]
    port: u16,
    /// Reach it at this address instead of its public one, as through a tunnel
    #[arg(long)]
    address: Option<String>,
    /// Arguments for ssh itself, split at spaces; may be given again
    #[arg(short = 'o', long = "ssh-option", value_name = "ARGS", allow_hyphen_values = true)]
    options: Vec<String>,
    /// How long to wait for the instance to take connections
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    timeout: u64,
    /// A command to run there
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

impl Ssh {
    pub async fn run(self, context: &Context) -> Result<()> {
        let (user, asked) = match self.instance.split_once('@') {
            Some((user, asked)) => (Some(user.to_owned()), asked),
            None => (None, self.instance.as_str()),
        };
        let limit = Duration::from_secs(self.timeout);
        let mut instance = resolve::instance(&context.client, asked).await?;
        if instance.state == InstanceState::Pending {
            instance =
                wait::until(context, &[instance.id], InstanceState::Running, limit).await?.swap_remove(0);
        }
        let address = match &self.address {
            Some(address) => address.clone(),
            None => address_of(&instance)?,
        };
        if self.address.is_none() {
            check_groups(context, &instance, self.port).await?;
        }
        reach(context, &instance, &address, self.port, limit).await?;
        let user = match self.login.clone().or(user) {
            Some(user) => user,
            None => default_user(context, &instance).await,
        };
        let mut ssh = self.command(context, &instance, &format!("{user}@{address}"))?;
        Err(Failure::io("cannot start ssh")(ssh.exec()))
    }

    fn command(&self, context: &Context, instance: &Instance, destination: &str) -> Result<Command> {
        let mut ssh = Command::new("ssh");
        if let Some(key) = self.key_file(context, instance) {
            ssh.arg("-i").arg(key).args(["-o", "IdentitiesOnly=yes"]);
        }
        let mut known_hosts = OsString::from("UserKnownHostsFile=");
        known_hosts.push(context.home.known_hosts(&instance.id)?);
        ssh.arg("-o").arg(known_hosts);
        // The address changes from start to start and goes to others later; the id is this machine's alone.
        ssh.arg("-o").arg(format!("HostKeyAlias={}", instance.id));
        ssh.args(["-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR"]);
        ssh.arg("-p").arg(self.port.to_string());
        ssh.args(self.options.iter().flat_map(|options| options.split_whitespace()));
        ssh.arg(destination).args(&self.command);
        Ok(ssh)
    }

    fn key_file(&self, context: &Context, instance: &Instance) -> Option<PathBuf> {
        if self.identity.is_some() {
            return self.identity.clone();
        }
        let name = instance.key_name.as_deref()?;
        let file = context.home.key_file(name);
        if file.exists() {
            return Some(file);
        }
        eprintln!(
            "cumulet: there is no {}, so ssh tries its own keys; -i FILE names the private key of {name:?}",
            file.display()
        );
        None
    }
}

fn address_of(instance: &Instance) -> Result<String> {
    let fail = |text: String| Err(Failure::Other(text));
    match (&instance.public_ip, instance.state) {
        (Some(address), InstanceState::Running) => Ok(address.clone()),
        (None, InstanceState::Running) => fail(format!(
            "{} has no public address, and private ones can't be reached from here; try `cumulet console {}`",
            instance.id, instance.id
        )),
        (_, InstanceState::Stopped) => {
            fail(format!("{} is stopped; start it with `cumulet start {}`", instance.id, instance.id))
        }
        (_, state) => fail(format!("{} is {state}", instance.id)),
    }
}

async fn default_user(context: &Context, instance: &Instance) -> String {
    let image = context.client.image(&instance.image_id).await;
    let user = image.ok().and_then(|image| image.default_user);
    user.unwrap_or_else(|| {
        eprintln!("cumulet: the image does not say its user; taking root (USER@INSTANCE takes another)");
        "root".into()
    })
}

/// Waits until something listens there. An instance that was told to start just now needs a while.
async fn reach(
    context: &Context,
    instance: &Instance,
    address: &str,
    port: u16,
    limit: Duration,
) -> Result<()> {
    let start = Instant::now();
    let mut progress = Progress::new(false);
    let mut next_look = STATE_PAUSE;
    loop {
        let attempt = TcpStream::connect((address, port));
        match tokio::time::timeout(Duration::from_secs(1), attempt).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(300)).await,
            Err(_) => {}
        }
        if start.elapsed() > next_look {
            check_state(context, &instance.id).await?;
            next_look = start.elapsed() + STATE_PAUSE;
        }
        if start.elapsed() > limit {
            return Err(Failure::Other(format!(
                "{address} port {port} took no connection within {} s; `cumulet console {} --log` may tell why",
                limit.as_secs(),
                instance.id
            )));
        }
        progress.tell(&format!("waiting for {address} port {port}"));
    }
}

/// Fails when the instance is no longer one that will take connections.
async fn check_state(context: &Context, id: &str) -> Result<()> {
    let instance = context.client.instance(id).await?.instance;
    if matches!(instance.state, InstanceState::Running | InstanceState::Pending) {
        return Ok(());
    }
    let reason = instance.state_reason.map(|reason| format!(": {}", reason.message)).unwrap_or_default();
    Err(Failure::Other(format!(
        "{id} is {}{reason}; `cumulet console {id} --log` may tell why",
        instance.state
    )))
}

/// Fails, with the command that mends it, when no group lets anybody in.
async fn check_groups(context: &Context, instance: &Instance, port: u16) -> Result<()> {
    if lets_in(&context.client.security_groups().await?, instance, port) {
        return Ok(());
    }
    let group = instance.groups.first().map_or("GROUP", |group| group.name.as_str());
    Err(Failure::Other(format!(
        "no security group of {} lets TCP port {port} in; open it with `cumulet group allow {group} tcp:{port} from \
         anywhere`",
        instance.id
    )))
}

/// Whether any of the instance's groups has a rule that could let this host's connection in.
fn lets_in(groups: &[SecurityGroup], instance: &Instance, port: u16) -> bool {
    let port = i32::from(port);
    groups
        .iter()
        .filter(|group| instance.groups.iter().any(|own| own.id == group.id))
        .flat_map(|group| &group.rules)
        .filter(|rule| rule.direction == Direction::Ingress && rule.spec.cidr.is_some())
        .any(|rule| match rule.spec.protocol.as_str() {
            "all" => true,
            "tcp" => {
                rule.spec.from_port.is_none_or(|first| first <= port)
                    && rule.spec.to_port.is_none_or(|last| port <= last)
            }
            _ => false,
        })
}
