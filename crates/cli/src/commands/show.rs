//! `cumulet show`.

use clap::Args;
use cumulet_client::types::instance::{CpuCredits, CreditMode, Instance, InstanceDetail, Reachability};

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Colour, say};
use crate::resolve;

/// Show all that is known of an instance.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cumulet show web --json | jq -r .instance.public_ip")]
pub struct Show {
    /// The instance: id, beginning of an id, or name
    instance: String,
}

impl Show {
    pub async fn run(self, context: &Context) -> Result<()> {
        let found = resolve::instance(&context.client, &self.instance).await?;
        let detail = context.client.instance(&found.id).await?;
        if context.printed_json(&detail)? {
            return Ok(());
        }
        for (name, value) in lines(context, &detail) {
            let name = context.paint.paint(Colour::Bold, &format!("{name:<18}"));
            say!("{name} {value}")?;
        }
        Ok(())
    }
}

fn lines(context: &Context, detail: &InstanceDetail) -> Vec<(&'static str, String)> {
    let instance = &detail.instance;
    let mut lines = vec![("id", instance.id.clone())];
    let mut add = |name, value: Option<String>| lines.extend(value.map(|value| (name, clean(&value))));
    add("name", instance.name().map(str::to_owned));
    add("state reason", instance.state_reason.as_ref().map(|reason| reason.message.clone()));
    add("status check", status_check(detail.reachability));
    add("type", Some(instance.instance_type.clone()));
    add("CPU credits", detail.cpu_credits.as_ref().map(credits));
    add("image", Some(boot(instance)));
    add("key", instance.key_name.clone());
    add("zone", Some(instance.zone.clone()));
    add("public address", instance.public_ip.clone());
    add("private address", instance.private_ip.clone());
    add("network", Some(format!("{} in {}", instance.subnet_id, instance.vpc_id)));
    for interface in &instance.interfaces {
        add("interface", Some(format!("{} {}", interface.id, interface.mac)));
    }
    for group in &instance.groups {
        add("group", Some(format!("{} {}", group.id, group.name)));
    }
    for device in &instance.block_devices {
        let fate = if device.delete_on_termination { "goes with it" } else { "stays" };
        add("volume", Some(format!("{} {} ({fate})", device.device_name, device.volume_id)));
    }
    add("hibernation", hibernation(instance));
    add("launched", Some(instance.launch_time.to_string()));
    add("terminated", instance.terminated.map(|time| time.to_string()));
    for (key, value) in &instance.tags {
        add("tag", Some(format!("{key}={value}")));
    }
    let state = context.paint.paint(instance.state.into(), instance.state.as_str());
    lines.insert(1 + usize::from(instance.name().is_some()), ("state", state));
    lines
}

fn hibernation(instance: &Instance) -> Option<String> {
    let text = match (instance.hibernation, instance.hibernated) {
        (_, true) => "its memory is saved; start goes on from it",
        (true, false) => "can be stopped with --hibernate",
        (false, false) => return None,
    };
    Some(text.into())
}

fn boot(instance: &Instance) -> String {
    let parts = [Some(&instance.image_id), instance.kernel_id.as_ref(), instance.ramdisk_id.as_ref()];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn credits(credits: &CpuCredits) -> String {
    let mode = match credits.mode {
        CreditMode::Standard => "standard",
        CreditMode::Unlimited => "unlimited",
    };
    let surplus =
        if credits.surplus > 0.0 { format!(", {:.1} owed", credits.surplus) } else { String::new() };
    format!("{:.1}{surplus}, {:.1} an hour, {mode}", credits.balance, credits.earned_per_hour)
}

fn status_check(reachability: Reachability) -> Option<String> {
    match reachability {
        Reachability::Passed => Some("passed".into()),
        Reachability::Initializing => Some("initializing".into()),
        Reachability::NotApplicable => None,
    }
}

/// Tags come from callers: control characters would move the reader's cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
