//! `power_state`: by systemd's timed shutdown, so that this phase ends first.

use cumulet_cloud_init_config::config::{PowerDelay, PowerMode};
use cumulet_cloud_init_config::{CloudConfig, Command, Value};

use crate::context::Context;
use crate::error::ActionError;
use crate::script;

pub(super) fn change(context: &mut Context, config: &CloudConfig) -> Result<(), ActionError> {
    let Some(power) = &config.power_state else { return Ok(()) };
    if !condition_holds(context, power.condition.as_ref()) {
        context.log.say("power_state: the condition doesn't hold, the machine stays on");
        return Ok(());
    }
    let mode = match power.mode {
        PowerMode::PowerOff => "--poweroff",
        PowerMode::Reboot => "--reboot",
        PowerMode::Halt => "--halt",
    };
    let when = match power.delay {
        PowerDelay::Now => "now".to_owned(),
        PowerDelay::Minutes(minutes) => format!("+{minutes}"),
    };
    let mut arguments = vec![mode, when.as_str()];
    arguments.extend(power.message.as_deref());
    // The report must be on the disk before the machine goes.
    context.report.save(&context.system)?;
    context.system.run("shutdown", &arguments).map(|_| ())
}

fn condition_holds(context: &mut Context, condition: Option<&Value>) -> bool {
    let command = match condition {
        None | Some(Value::Bool(true)) => return true,
        Some(Value::String(line)) => Command::Shell(line.clone()),
        Some(Value::Sequence(items)) => Command::Argv(items.iter().filter_map(Value::scalar_text).collect()),
        Some(_) => return false,
    };
    let folder = format!("/var/lib/cumulet/firstboot/{}", context.report.instance_id);
    // The shell's own status is the answer, so the last command must be the only one.
    let program = Command::script(&[command]);
    script::run(context, &folder, "power-condition", program.as_bytes()).is_ok()
}
