//! What is told of the host beside the figures, which mean nothing without it.

use serde::Serialize;
use std::fmt::{self, Display};
use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;

/// Where and with what a report was made.
#[derive(Debug, Clone, Serialize)]
pub struct HostInfo {
    /// The version of this program.
    pub cumulet: String,
    /// The host's kernel.
    pub host_kernel: String,
    /// The processor's name.
    pub processor: String,
    /// How many of them.
    pub processors: usize,
    /// The guests' kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_kernel: Option<String>,
    /// Peers with what they say of their version.
    pub peers: Vec<String>,
    /// The load of the last minute before the run.
    pub load: String,
}

impl HostInfo {
    /// Of this host.
    pub fn read(guest_kernel: Option<&Path>, peers: Vec<String>) -> Self {
        let cpus = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let load = read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cumulet: env!("CARGO_PKG_VERSION").to_owned(),
            host_kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            processor: name.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned()),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            guest_kernel: guest_kernel.map(|path| path.display().to_string()),
            peers,
            load: load.split_whitespace().next().unwrap_or("unknown").to_owned(),
        }
    }
}

impl Display for HostInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cumulet {} on Linux {}, {} x {}",
            self.cumulet, self.host_kernel, self.processors, self.processor
        )?;
        write!(f, ", load {} before", self.load)?;
        if let Some(kernel) = &self.guest_kernel {
            write!(f, "\nguests' kernel {kernel}")?;
        }
        match self.peers.is_empty() {
            true => write!(f, "\nno peers"),
            false => write!(f, "\npeers: {}", self.peers.join(", ")),
        }
    }
}

/// The first line that `program --version` prints.
pub fn version_of(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}
