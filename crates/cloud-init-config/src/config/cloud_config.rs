//! The whole of a cloud-config document.

use super::read;
use super::{
    Chpasswd, Command, Group, Growpart, ManageEtcHosts, Ntp, Package, PowerState, SshPwauth, UserEntry,
    WriteFile,
};
use crate::validate::Warning;
use crate::yaml::{self, Mapping, Value};
use crate::{ContentType, Part, merge, validate};

/// Cloud-config: the keys of the common modules, typed; all others in [`other`](Self::other). An absent key is
/// `None` or empty, and isn't written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CloudConfig {
    /// The host's name.
    pub hostname: Option<String>,
    /// The host's name with its domain.
    pub fqdn: Option<String>,
    /// Take `fqdn` for the host's name.
    pub prefer_fqdn_over_hostname: Option<bool>,
    /// Leave the name as the image has it.
    pub preserve_hostname: Option<bool>,
    /// Who writes `/etc/hosts`.
    pub manage_etc_hosts: Option<ManageEtcHosts>,
    /// Users; `None` means the default user alone, an empty list nobody.
    pub users: Option<Vec<UserEntry>>,
    /// Groups to make before the users.
    pub groups: Vec<Group>,
    /// Keys for the default user.
    pub ssh_authorized_keys: Vec<String>,
    /// Whether sshd takes passwords.
    pub ssh_pwauth: Option<SshPwauth>,
    /// Keep keys from opening root's account; true where absent.
    pub disable_root: Option<bool>,
    /// Host keys by name, as `ed25519_private`.
    pub ssh_keys: Vec<(String, String)>,
    /// Remove the image's host keys; true where absent.
    pub ssh_deletekeys: Option<bool>,
    /// Which host keys are made.
    pub ssh_genkeytypes: Vec<String>,
    /// The default user's password, in clear or crypted.
    pub password: Option<String>,
    /// Passwords of users.
    pub chpasswd: Option<Chpasswd>,
    /// Files.
    pub write_files: Vec<WriteFile>,
    /// Packages to install.
    pub packages: Vec<Package>,
    /// Fetch the package lists first.
    pub package_update: Option<bool>,
    /// Bring all packages up to date.
    pub package_upgrade: Option<bool>,
    /// Reboot if a package asks for it.
    pub package_reboot_if_required: Option<bool>,
    /// Commands run early at every boot.
    pub bootcmd: Vec<Command>,
    /// Commands run once, late at the first boot.
    pub runcmd: Vec<Command>,
    /// As `Europe/Berlin`.
    pub timezone: Option<String>,
    /// As `en_GB.UTF-8`.
    pub locale: Option<String>,
    /// Lines of fstab; a column left out is `None`.
    pub mounts: Vec<Vec<Option<String>>>,
    /// Whether partitions grow.
    pub growpart: Option<Growpart>,
    /// Whether the root file system grows; true where absent.
    pub resize_rootfs: Option<bool>,
    /// Time servers.
    pub ntp: Option<Ntp>,
    /// What to say on the console at the end.
    pub final_message: Option<String>,
    /// Power off or reboot at the end.
    pub power_state: Option<PowerState>,
    /// Every other key, and values of a wrong type.
    pub other: Mapping,
}

impl CloudConfig {
    /// Reads one document, with or without the `#cloud-config` line.
    ///
    /// # Errors
    /// Where the bytes are not one YAML document. A document that is not a mapping is an empty configuration
    /// with a warning.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Vec<Warning>), yaml::YamlError> {
        validate::cloud_config(&Part::new(ContentType::CloudConfig, bytes), None)
    }

    /// Merges all cloud-config parts ([`merge`]) and reads the result. A part that can't be read is left out
    /// with a warning, as cloud-init does.
    pub fn from_parts(parts: &[Part]) -> (Self, Vec<Warning>) {
        let (merged, mut warnings) = merge::parts(parts);
        let (config, notes) = Self::from_mapping(merged);
        let about_all = |note: super::Note| Warning {
            part: None,
            content_type: None,
            line: None,
            key: Some(note.key),
            rule: note.rule,
            message: note.message,
        };
        warnings.extend(notes.into_iter().map(about_all));
        (config, warnings)
    }

    pub(crate) fn from_mapping(mapping: Mapping) -> (Self, Vec<super::Note>) {
        let mut notes = Vec::new();
        let config = read::cloud_config(mapping, &mut notes);
        (config, notes)
    }

    /// The document as data.
    pub fn to_mapping(&self) -> Mapping {
        read::to_mapping(self)
    }

    /// The document as text, with the `#cloud-config` line.
    pub fn to_yaml(&self) -> String {
        format!("#cloud-config\n{}", yaml::to_string(&Value::Mapping(self.to_mapping())))
    }

    /// The document as a part of user data.
    pub fn to_part(&self) -> Part {
        Part::new(ContentType::CloudConfig, self.to_yaml())
    }
}

#[cfg(test)]
mod tests;
