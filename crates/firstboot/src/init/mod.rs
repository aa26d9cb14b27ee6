//! The first phase: who am I, and who may log in. sshd waits for it, so it is short.

pub mod host_keys;
pub mod hostname;
mod machine_id;

use crate::accounts;
use crate::context::Context;
use crate::error::ActionError;
use crate::instance::Instance;
use crate::metadata::Metadata;
use crate::modules::users;

/// Runs the phase. A failure of one step is reported and doesn't stop the others; without an answer of the
/// metadata service there is nothing to do.
pub fn run(context: &mut Context) -> Result<(), ActionError> {
    // Made while the network comes up: a disk that has no host keys at all needs some whatever its identity is.
    let fresh = host_keys::none_there(context);
    if fresh {
        context.act("host keys", host_keys::make);
    }
    let metadata = Metadata::wait(&context.settings.metadata_url, context.settings.wait_seconds)?;
    let instance = Instance::recognise(&context.system, &metadata.instance_id()?)?;
    context.report.instance_id = instance.id().to_owned();
    context.log.say(&format!("this is instance {}", instance.id()));
    if instance.claim(&context.system, "host-keys")? && !fresh {
        context.act("host keys", host_keys::replace);
    }
    if instance.was_another() || machine_id::is_missing(context) {
        context.act("machine id", machine_id::replace);
    }
    set_hostname(context, &metadata)?;
    if instance.claim(&context.system, "public-keys")? {
        context.act("public keys", |context| authorize(context, &metadata));
    } else {
        context.skip("public keys");
    }
    host_keys::show(context);
    instance.remember(&context.system)
}

/// Every boot: the address, and with it the name, may have changed while the instance was stopped. A name that
/// user data gave stays.
fn set_hostname(context: &mut Context, metadata: &Metadata) -> Result<(), ActionError> {
    let Some(name) = metadata.text("meta-data/local-hostname")? else { return Ok(()) };
    let kept = hostname::chosen(context);
    context.act("hostname", |context| hostname::set(context, kept.as_deref().unwrap_or(&name)));
    Ok(())
}

fn authorize(context: &mut Context, metadata: &Metadata) -> Result<(), ActionError> {
    let keys = metadata.public_keys()?;
    let account = users::default_account(context)?;
    accounts::authorize(&context.system, &account, &keys)
}
