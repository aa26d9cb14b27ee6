//! The second phase: acts on the user data, in the order in which cloud-init does.

mod include;
mod programs;

use cumulet_cloud_init_config::{CloudConfig, ContentType, Part};

use crate::context::Context;
use crate::error::ActionError;
use crate::instance::Instance;
use crate::metadata::Metadata;
use crate::modules;

/// Runs the phase. What fails is reported and doesn't stop the rest.
pub fn run(context: &mut Context) -> Result<(), ActionError> {
    context.act("root file system", modules::grow::root);
    let metadata = Metadata::wait(&context.settings.metadata_url, context.settings.wait_seconds)?;
    let instance = Instance::recognise(&context.system, &metadata.instance_id()?)?;
    context.report.instance_id = instance.id().to_owned();
    let bytes = metadata.get("user-data")?.unwrap_or_default();
    if bytes.is_empty() {
        context.log.say("there is no user data");
        return Ok(());
    }
    context.system.write(&format!("{}/user-data.txt", instance.folder()), &bytes, 0o600)?;
    let index = metadata.text("meta-data/ami-launch-index")?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut parts = include::open(context, &instance, &bytes);
    parts.retain(|part| part.is_for_launch_index(index));
    name_parts(&mut parts);
    report_unhandled(context, &parts);
    let (config, warnings) = CloudConfig::from_parts(&parts);
    context.warn(&warnings);
    programs::boothooks(context, &instance, &parts);
    modules::early(context, &instance, &config);
    modules::late(context, &instance, &config);
    programs::scripts(context, &instance, &parts, &config)?;
    modules::last(context, &instance, &config);
    Ok(())
}

/// Parts without a name get cloud-init's: by their number.
fn name_parts(parts: &mut [Part]) {
    for (at, part) in parts.iter_mut().enumerate() {
        part.filename.get_or_insert_with(|| format!("part-{:03}", at + 1));
    }
}

fn report_unhandled(context: &mut Context, parts: &[Part]) {
    for part in parts {
        let name = part.filename.as_deref().unwrap_or_default();
        match &part.content_type {
            ContentType::PartHandler => context.not_implemented(&format!("part handler {name}")),
            ContentType::Jinja => context.not_implemented(&format!("jinja template {name}")),
            ContentType::CloudConfigJsonp => context.not_implemented(&format!("JSON patch {name}")),
            ContentType::UpstartJob => context.not_implemented(&format!("upstart job {name}")),
            ContentType::CloudConfigArchive => context.not_implemented(&format!("unreadable archive {name}")),
            ContentType::Other(kind) => context.not_implemented(&format!("part {name} of type {kind}")),
            ContentType::Unknown => {
                context.not_implemented(&format!("part {name}, whose first line names no type"))
            }
            _ => {}
        }
    }
}
