//! What the device is made from, and its configuration space.

use crate::config::{Base, SpecError, source, within};
use cumulet_vmm_protocol::{Source, spec};

/// A checked vsock device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VsockConfig {
    /// The guest's address.
    pub cid: u32,
    /// A listening socket; one in the run directory is made without it.
    pub listener: Option<Source>,
}

impl VsockConfig {
    /// Checks the device of a specification.
    pub fn check(field: &str, vsock: &spec::Vsock, base: Base<'_>) -> Result<Self, SpecError> {
        // 0 to 2 are the hypervisor's, the loopback's and the host's, the last one is nobody's.
        within(&format!("{field}.cid"), u64::from(vsock.cid), 3, u64::from(u32::MAX - 1))?;
        let listener = match &vsock.listener {
            Some(listener @ Source::Fd(_)) => Some(source(&format!("{field}.listener"), listener, base)?),
            Some(Source::Path(_)) => {
                return Err(SpecError::new(
                    format!("{field}.listener"),
                    "a descriptor of a listening socket",
                ));
            }
            None => None,
        };
        Ok(Self { cid: vsock.cid, listener })
    }

    /// Configuration space (virtio 1.2, 5.10.4).
    pub fn space(&self) -> [u8; 8] {
        u64::from(self.cid).to_le_bytes()
    }
}
