//! Small choices about the host: `manage_etc_hosts`, `ssh_pwauth`, `ssh_keys`.

use super::fields::{Fields, flag_of};
use crate::validate::Rule;
use crate::yaml::{Mapping, Value};

/// Who writes `/etc/hosts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManageEtcHosts {
    /// Nobody.
    Off,
    /// All of it from a template, at every boot.
    Template,
    /// Only the line of 127.0.1.1.
    Localhost,
}

/// Whether sshd takes passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SshPwauth {
    /// `PasswordAuthentication yes`.
    Yes,
    /// `PasswordAuthentication no`.
    No,
    /// As the image has it.
    Unchanged,
}

pub(super) fn read_hosts(fields: &mut Fields<'_>) -> Option<ManageEtcHosts> {
    let value = fields.take("manage_etc_hosts")?;
    match (flag_of(&value), value.as_str()) {
        (Some(true), _) | (_, Some("template")) => Some(ManageEtcHosts::Template),
        (Some(false), _) => Some(ManageEtcHosts::Off),
        (_, Some("localhost")) => Some(ManageEtcHosts::Localhost),
        _ => {
            fields.wrong("manage_etc_hosts", "true, false or localhost", value);
            None
        }
    }
}

pub(super) fn write_hosts(choice: ManageEtcHosts) -> Value {
    match choice {
        ManageEtcHosts::Off => false.into(),
        ManageEtcHosts::Template => true.into(),
        ManageEtcHosts::Localhost => "localhost".into(),
    }
}

pub(super) fn read_pwauth(fields: &mut Fields<'_>) -> Option<SshPwauth> {
    let value = fields.take("ssh_pwauth")?;
    match (flag_of(&value), value.as_str()) {
        (Some(true), _) => Some(SshPwauth::Yes),
        (Some(false), _) => Some(SshPwauth::No),
        (_, Some("unchanged")) => Some(SshPwauth::Unchanged),
        _ => {
            fields.wrong("ssh_pwauth", "a boolean", value);
            None
        }
    }
}

pub(super) fn write_pwauth(choice: SshPwauth) -> Value {
    match choice {
        SshPwauth::Yes => true.into(),
        SshPwauth::No => false.into(),
        SshPwauth::Unchanged => "unchanged".into(),
    }
}

/// Host keys by name as `ed25519_private`.
pub(super) fn read_ssh_keys(fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    for (name, value) in fields.mapping("ssh_keys").unwrap_or_default() {
        let place = format!("ssh_keys.{name}");
        let known = name.split_once('_').is_some_and(|(algorithm, half)| {
            ["dsa", "ecdsa", "ed25519", "rsa"].contains(&algorithm)
                && ["public", "private", "certificate"].contains(&half)
        });
        if !known {
            fields.note(&place, Rule::UnknownKey, "unknown key: a host key's name is like `ed25519_private`");
        }
        match value {
            Value::String(text) => keys.push((name, text)),
            other => {
                fields.note(&place, Rule::WrongType, format!("expected a string, found {}", other.kind()))
            }
        }
    }
    keys
}

pub(super) fn write_ssh_keys(keys: &[(String, String)]) -> Option<Mapping> {
    let map: Mapping = keys.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    (!map.is_empty()).then_some(map)
}
