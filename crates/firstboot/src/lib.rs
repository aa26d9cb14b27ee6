//! What an instance does at boot where cloud-init would be too slow: it asks the metadata service who it is,
//! takes that identity, and acts on its user data.
//!
//! Two phases, each a subcommand and a systemd unit (see `systemd/`):
//!
//! - [`init`], before sshd starts: waits for the metadata service, then host name, host keys, machine id, the
//!   default user's authorized keys. Nothing that takes long.
//! - [`user_data`], after it: boot hooks, cloud-config and scripts, in cloud-init's order.
//!
//! What is per instance is done once for an instance id, remembered in `/var/lib/cumulet/firstboot/<instance-id>/`.
//! The outcome of both phases is in `/var/lib/cumulet/firstboot/result.json` ([`report`]), the story in
//! `/var/log/cumulet-firstboot.log` and on the console. What user data asks for and isn't done here is said in
//! both places, never passed over in silence.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod args;
pub mod context;
pub mod error;
pub mod http;
pub mod init;
pub mod instance;
pub mod log;
pub mod metadata;
pub mod modules;
pub mod report;
pub mod script;
pub mod settings;
pub mod system;
pub mod user_data;
