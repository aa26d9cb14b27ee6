//! A network namespace with taps, gone when dropped.

use crate::error::{BenchError, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;

/// The namespace.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one.
    pub fn new() -> Result<Self> {
        let name = format!("cumulet-bench-{}", std::process::id());
        ip(&["netns", "add", &name])?;
        let namespace = Self { name };
        ip(&["-n", &namespace.name, "link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a tap there, with the host's address in the guest's network.
    pub fn add_tap(&self, tap: &str, address: &str) -> Result<()> {
        ip(&["-n", &self.name, "tuntap", "add", tap, "mode", "tap", "vnet_hdr"])?;
        ip(&["-n", &self.name, "address", "add", &format!("{address}/24"), "dev", tap])?;
        ip(&["-n", &self.name, "link", "set", tap, "up"])
    }

    /// Has `work` done in the namespace. The sockets that it opens stay there.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let place = File::open(format!("/run/netns/{}", self.name));
        let place = place.map_err(BenchError::io("open a network namespace"))?;
        let inside = || {
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|errno| BenchError::io("enter a network namespace")(errno.into()))?;
            work()
        };
        let done = std::thread::scope(|scope| scope.spawn(inside).join());
        done.unwrap_or_else(|_| Err(BenchError::Machine("a thread in the namespace panicked".to_owned())))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nobody is left who could be told.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(words: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(words).output().map_err(BenchError::io("run ip"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(BenchError::Machine(format!("ip {} failed: {}", words.join(" "), said.trim())))
}
