//! Cloud-config as typed data: one file per group of keys, each of which reads, notes what is wrong, and writes.
//!
//! Reading is as forgiving as cloud-init: a value of the wrong type is noted, kept in [`CloudConfig::other`], and
//! doesn't count. Writing gives every key back, those unknown here too.

mod cloud_config;
mod command;
mod fields;
mod file;
mod group;
mod host;
mod known;
mod package;
mod password;
mod power;
mod read;
mod storage;
mod time;
mod user;
mod write;

pub use cloud_config::CloudConfig;
pub use command::Command;
pub(crate) use fields::Note;
pub use file::{ContentError, Encoding, FileContent, WriteFile};
pub use group::Group;
pub use host::{ManageEtcHosts, SshPwauth};
pub(crate) use known::looks_like_cloud_config;
pub use package::Package;
pub use password::{Chpasswd, PasswordEntry, Secret};
pub use power::{PowerDelay, PowerMode, PowerState};
pub use storage::{GrowMode, Growpart};
pub use time::Ntp;
pub use user::{User, UserEntry};
