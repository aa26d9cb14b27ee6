//! The settings file `/etc/cumulet/firstboot.toml`: what an image's maker decides.

use serde::Deserialize;

use crate::args::Arguments;
use crate::error::ActionError;
use crate::system::System;

/// Settings; every key may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Who gets the instance's public keys, and is meant by `default` in user data.
    pub default_user: String,
    /// Where the metadata service is.
    pub metadata_url: String,
    /// How long to wait for it, in seconds.
    pub wait_seconds: u64,
    /// Which host keys are made before sshd starts. RSA takes long to make and is left out by default.
    pub host_key_types: Vec<String>,
    /// The block device of the root file system, which grows to the device's size.
    pub root_device: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_user: "debian".to_owned(),
            metadata_url: "http://169.254.169.254".to_owned(),
            wait_seconds: 120,
            host_key_types: vec!["ed25519".to_owned(), "ecdsa".to_owned()],
            root_device: "/dev/vda".to_owned(),
        }
    }
}

impl Settings {
    /// Reads the file, if there is one, and puts the command line's options over it.
    pub fn load(system: &System, arguments: &Arguments) -> Result<Self, ActionError> {
        let mut settings = match system.read_text(&arguments.settings) {
            Ok(text) => toml::from_str(&text)
                .map_err(|error| ActionError::Refused(format!("{}: {error}", arguments.settings)))?,
            Err(_) => Self::default(),
        };
        if let Some(url) = &arguments.metadata_url {
            settings.metadata_url.clone_from(url);
        }
        if let Some(user) = &arguments.default_user {
            settings.default_user.clone_from(user);
        }
        settings.wait_seconds = arguments.wait_seconds.unwrap_or(settings.wait_seconds);
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_say_a_part_and_no_more_than_is_known() {
        let settings: Settings = toml::from_str("default_user = \"admin\"\n").unwrap();
        assert_eq!((settings.default_user.as_str(), settings.wait_seconds), ("admin", 120));
        assert!(toml::from_str::<Settings>("defualt_user = \"admin\"\n").is_err());
    }
}
