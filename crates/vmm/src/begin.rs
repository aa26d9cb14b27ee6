//! How a machine begins: with a kernel, or with what was saved of another.

use crate::config::{Base, SpecError, source};
use cumulet_vmm_protocol::{BootProtocol, MachineSpec, Source};
use std::collections::BTreeMap;

/// Longest kernel command line in bytes, without its final zero.
pub const MAX_CMDLINE: usize = 2047;

/// A machine's begin, checked.
#[derive(Debug, Clone)]
pub enum Begin {
    /// A kernel is loaded and entered.
    Boot(BootConfig),
    /// A saved machine goes on.
    Restore(RestoreConfig),
}

/// What is booted.
#[derive(Debug, Clone)]
pub struct BootConfig {
    /// The kernel image.
    pub kernel: Source,
    /// The initial RAM disk.
    pub initrd: Option<Source>,
    /// How the kernel is entered.
    pub protocol: BootProtocol,
    /// Without a zero byte, at most [`MAX_CMDLINE`] bytes.
    pub cmdline: String,
}

/// What is restored.
#[derive(Debug, Clone)]
pub struct RestoreConfig {
    /// The saved state.
    pub state: Source,
    /// The saved memory.
    pub memory: Source,
    /// Pages to fetch ahead.
    pub prefetch: Option<Source>,
    /// Ids then and now.
    pub renamed: BTreeMap<String, String>,
    /// Whether the machine begins paused.
    pub paused: bool,
}

impl Begin {
    /// Checks the part of a specification that is about the begin.
    pub fn check(spec: &MachineSpec, base: Base<'_>) -> Result<Self, SpecError> {
        match (&spec.kernel, &spec.restore) {
            (Some(_), Some(_)) => {
                Err(SpecError::new("restore", "a restored machine has no kernel of its own"))
            }
            (None, None) => Err(SpecError::new("kernel", "there is a kernel or something to restore")),
            (Some(kernel), None) => BootConfig::check(kernel, spec, base).map(Self::Boot),
            (None, Some(restore)) => Ok(Self::Restore(RestoreConfig {
                state: source("restore.state", &restore.state, base)?,
                memory: source("restore.memory", &restore.memory, base)?,
                prefetch: restore
                    .prefetch
                    .as_ref()
                    .map(|prefetch| source("restore.prefetch", prefetch, base))
                    .transpose()?,
                renamed: restore.renamed.clone(),
                paused: restore.paused,
            })),
        }
    }

    /// Whether a saved machine goes on.
    pub fn is_restore(&self) -> bool {
        matches!(self, Self::Restore(_))
    }

    /// Whether the guest runs at once.
    pub fn runs_at_once(&self) -> bool {
        !matches!(self, Self::Restore(RestoreConfig { paused: true, .. }))
    }
}

impl BootConfig {
    fn check(kernel: &Source, spec: &MachineSpec, base: Base<'_>) -> Result<Self, SpecError> {
        if spec.cmdline.len() > MAX_CMDLINE || spec.cmdline.contains('\0') {
            return Err(SpecError::new("cmdline", format!("at most {MAX_CMDLINE} bytes, none of them zero")));
        }
        Ok(Self {
            kernel: source("kernel", kernel, base)?,
            initrd: spec.initrd.as_ref().map(|initrd| source("initrd", initrd, base)).transpose()?,
            protocol: spec.boot,
            cmdline: spec.cmdline.clone(),
        })
    }
}
