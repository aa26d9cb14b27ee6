//! The user's programs: boot hooks at every boot, scripts as often as their type says.

use cumulet_cloud_init_config::{CloudConfig, Command, ContentType, Part};

use crate::context::Context;
use crate::error::ActionError;
use crate::instance::Instance;
use crate::script;

/// Boot hooks come first, at every boot.
pub(super) fn boothooks(context: &mut Context, instance: &Instance, parts: &[Part]) {
    let folder = format!("{}/boothooks", instance.folder());
    for part in parts.iter().filter(|part| part.content_type == ContentType::BootHook) {
        let name = part.filename.as_deref().unwrap_or("boothook");
        context
            .act(&format!("boothook {name}"), |context| script::run(context, &folder, name, part.program()));
    }
}

/// Scripts come last, by groups as in cloud-init: once per disk, at every boot, once per instance, then those of
/// the user with `runcmd` among them. Within a group they run in the order of their names.
pub(super) fn scripts(
    context: &mut Context,
    instance: &Instance,
    parts: &[Part],
    config: &CloudConfig,
) -> Result<(), ActionError> {
    let of = |kind: ContentType| {
        let chosen = parts.iter().filter(move |part| part.content_type == kind);
        chosen
            .map(|part| (part.filename.clone().unwrap_or_default(), part.program().to_vec()))
            .collect::<Vec<_>>()
    };
    for (name, program) in sorted(of(ContentType::ShellScriptPerOnce)) {
        if instance.claim_for_disk(&context.system, &format!("script-{name}"))? {
            run(context, instance, "per-once", &name, &program);
        } else {
            context.skip(&format!("script {name}"));
        }
    }
    for (name, program) in sorted(of(ContentType::ShellScriptPerBoot)) {
        run(context, instance, "per-boot", &name, &program);
    }
    let mut users = of(ContentType::ShellScript);
    if !config.runcmd.is_empty() {
        users.push(("runcmd".to_owned(), Command::script(&config.runcmd).into_bytes()));
    }
    let groups = [("per-instance", of(ContentType::ShellScriptPerInstance)), ("scripts", users)];
    for (group, programs) in groups.into_iter().filter(|(_, programs)| !programs.is_empty()) {
        if !instance.claim(&context.system, group)? {
            context.skip(group);
            continue;
        }
        for (name, program) in sorted(programs) {
            run(context, instance, group, &name, &program);
        }
    }
    Ok(())
}

fn sorted(mut programs: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    programs.sort_by(|(a, _), (b, _)| a.cmp(b));
    programs
}

fn run(context: &mut Context, instance: &Instance, group: &str, name: &str, program: &[u8]) {
    let folder = format!("{}/{group}", instance.folder());
    context.act(&format!("script {name}"), |context| script::run(context, &folder, name, program));
}
