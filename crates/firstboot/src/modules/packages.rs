//! `packages`, `package_update`, `package_upgrade`: by apt.

use cumulet_cloud_init_config::CloudConfig;
use cumulet_cloud_init_config::config::Package;

use crate::context::Context;
use crate::error::ActionError;

const OPTIONS: [&str; 5] =
    ["-y", "-q", "-o", "Dpkg::Options::=--force-confold", "--option=DPkg::Lock::Timeout=120"];

pub(super) fn is_asked_for(config: &CloudConfig) -> bool {
    let yes = |flag: Option<bool>| flag == Some(true);
    !config.packages.is_empty() || yes(config.package_update) || yes(config.package_upgrade)
}

/// As cloud-init: the lists are fetched whenever anything is installed or upgraded.
pub(super) fn install(context: &mut Context, config: &CloudConfig) -> Result<(), ActionError> {
    let names = config.packages.iter().map(argument).collect::<Result<Vec<_>, _>>()?;
    apt(context, &["update"])?;
    if config.package_upgrade == Some(true) {
        apt(context, &["dist-upgrade"])?;
    }
    if names.is_empty() {
        return Ok(());
    }
    let mut arguments = vec!["install", "--"];
    arguments.extend(names.iter().map(String::as_str));
    apt(context, &arguments)
}

fn apt(context: &mut Context, arguments: &[&str]) -> Result<(), ActionError> {
    context.log.say(&format!("apt-get {}", arguments.join(" ")));
    let all: Vec<_> = OPTIONS.iter().chain(arguments).copied().collect();
    context.system.run("apt-get", &all).map(|_| ())
}

fn argument(package: &Package) -> Result<String, ActionError> {
    let valid =
        |text: &str| !text.is_empty() && !text.starts_with('-') && !text.contains(char::is_whitespace);
    let text = match &package.version {
        Some(version) => format!("{}={version}", package.name),
        None => package.name.clone(),
    };
    if valid(&text) {
        Ok(text)
    } else {
        Err(ActionError::Refused(format!("`{}` is no package", text.escape_debug())))
    }
}
