//! A guest reached over ssh at its public address.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::programs::{Output, run};
use crate::wait::is_slow_host;

/// The login user of the test image.
const USER: &str = "debian";

/// A guest.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Instance id.
    pub id: String,
    /// Public address.
    pub public_ip: String,
    /// Private address.
    pub private_ip: String,
    key: PathBuf,
    home: PathBuf,
}

impl Guest {
    pub(crate) fn new(instance: &Value, key: &Path, home: &Path) -> Self {
        let text = |name: &str| {
            instance[name].as_str().unwrap_or_else(|| panic!("no {name}: {instance}")).to_owned()
        };
        Self {
            id: text("InstanceId"),
            public_ip: text("PublicIpAddress"),
            private_ip: text("PrivateIpAddress"),
            key: key.to_owned(),
            home: home.to_owned(),
        }
    }

    /// The ssh command for this guest, without what it shall run.
    pub fn ssh_command(&self) -> Command {
        let mut command = Command::new("ssh");
        command
            .args([
                "-o",
                "StrictHostKeyChecking=accept-new",
                "-o",
                "BatchMode=yes",
                "-o",
                // An emulated guest's sshd takes its time, but not thirty times as long.
                if is_slow_host() { "ConnectTimeout=100" } else { "ConnectTimeout=10" },
            ])
            .args(["-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=30"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.home.join(format!("known-{}", self.id)).display()))
            .arg("-i")
            .arg(&self.key)
            .arg(format!("{USER}@{}", self.public_ip));
        command
    }

    /// Runs a shell command in the guest.
    pub fn try_ssh(&self, script: &str) -> Output {
        run(self.ssh_command().arg(script))
    }

    /// Runs a shell command in the guest, which must succeed; gives its output.
    pub fn ssh(&self, script: &str) -> String {
        let done = self.try_ssh(script);
        assert!(done.ok, "{} in {} failed: {}{}", script, self.id, done.out, done.err);
        done.out.trim_end().to_owned()
    }

    /// Fetches a page from a port of the guest's public address.
    pub fn try_page(&self, port: u16) -> Option<String> {
        let address: SocketAddr = format!("{}:{port}", self.public_ip).parse().expect("an address");
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n").or_else(|| answer.split_once("\n\n")).map(|(_, body)| body.to_owned())
    }
}
