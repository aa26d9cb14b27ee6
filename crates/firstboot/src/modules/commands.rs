//! `bootcmd`: at every boot. (`runcmd` runs among the user's scripts.)

use cumulet_cloud_init_config::{CloudConfig, Command};

use crate::context::Context;
use crate::instance::Instance;
use crate::script;

pub(super) fn boot(context: &mut Context, instance: &Instance, config: &CloudConfig) {
    if config.bootcmd.is_empty() {
        return;
    }
    let program = Command::script(&config.bootcmd);
    let folder = instance.folder();
    context.act("bootcmd", |context| script::run(context, &folder, "bootcmd", program.as_bytes()));
}
