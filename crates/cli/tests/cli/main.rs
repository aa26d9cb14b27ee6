//! The `cumulet` command, run as a program against the real JSON API over the real engine; only the host's ports are
//! fakes.

mod addresses;
mod bench;
mod console;
mod failures;
mod groups;
mod guest;
mod host;
mod images;
mod instances;
mod keys;
mod ssh;
mod volumes;
mod vpcs;
