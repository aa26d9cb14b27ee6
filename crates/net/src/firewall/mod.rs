//! The firewall as text: rendered purely from the desired state, compared with what `iptables-save` shows, applied by
//! `iptables-restore`. Rules are written just as `iptables-save` prints them, so that equal rules are equal texts.

pub mod acl;
pub mod asking;
pub mod diff;
pub mod dispatch;
pub mod forward;
pub mod group;
pub mod host;
pub mod input;
pub mod nat_gateway;
pub mod own;
pub mod parse;
pub mod rule;
pub mod ruleset;
pub mod untracked;
pub mod vpc;

pub use rule::Rule;
pub use ruleset::{Chain, Ruleset, Table};
