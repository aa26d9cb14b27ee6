//! User data and cloud-config as [cloud-init](https://docs.cloud-init.io) reads them.
//!
//! A machine in a cloud is handed some bytes at its first boot, the *user data*: a shell script, a
//! cloud-config document, several of them in a MIME multipart message, any of it gzipped. This crate
//!
//! - takes such bytes apart into [`Part`]s ([`UserData::parse`]), in bounded time and memory;
//! - says what in them can't work, with the part, the key and the rule ([`validate()`]). It warns and never
//!   refuses: a cloud hands on what its user gave;
//! - reads cloud-config into a typed [`CloudConfig`] and writes it back, keys it doesn't know included;
//! - merges several cloud-config parts into one document ([`merge`]);
//! - renders: cloud-config with its header, MIME multipart, gzip, a NoCloud seed ([`nocloud`]).
//!
//! Everything here is pure: no file, process or network is touched, so the same code serves the cloud's API
//! (which warns), a tool that makes seeds, and a program in the guest that acts on the result. The rules are
//! those of cloud-init 22.4 (Debian 12), read off its documentation and behaviour. YAML is read as PyYAML
//! reads it (YAML 1.1: `yes` is a boolean, `0644` is octal), because that is what cloud-init does.
//!
//! ```
//! use cumulet_cloud_init_config::{CloudConfig, Command, UserData, validate};
//!
//! let bytes = b"#cloud-config\nhostname: web\nruncmd:\n  - echo hello\n";
//! let data = UserData::parse(bytes)?;
//! let (config, warnings) = CloudConfig::from_parts(&data.parts);
//! assert_eq!(config.hostname.as_deref(), Some("web"));
//! assert_eq!(config.runcmd, [Command::Shell("echo hello".into())]);
//! assert!(warnings.is_empty());
//!
//! let warnings = validate(b"#cloud-config\npakages: [nginx]\n");
//! assert_eq!(
//!     warnings[0].to_string(),
//!     "part 1 (text/cloud-config), line 2, `pakages`: unknown key, did you mean `packages`?"
//! );
//! # Ok::<(), cumulet_cloud_init_config::ParseError>(())
//! ```
#![forbid(unsafe_code)]

pub mod config;
pub mod content_type;
pub mod gzip;
pub mod include;
pub mod limits;
pub mod merge;
pub mod mime;
pub mod nocloud;
pub mod user_data;
pub mod validate;
pub mod yaml;

mod archive;

pub use config::{CloudConfig, Command};
pub use content_type::ContentType;
pub use user_data::{ParseError, Part, UserData};
pub use validate::{Rule, Warning, validate};
pub use yaml::{Mapping, Value};
