//! What an interface is made from, and the configuration space it shows.

use crate::config::{Base, SpecError, descriptor, text, within};
use crate::limits;
use cumulet_vmm_protocol::{Limits, NetInterface, TapSource};

/// A checked interface.
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// The interface.
    pub id: String,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Its tap.
    pub tap: TapSource,
    /// What the guest is told.
    pub mtu: Option<u16>,
    /// How much it may do at first.
    pub limits: Limits,
}

impl NetConfig {
    /// Checks an interface of the specification.
    pub fn check(field: &str, net: &NetInterface, base: Base<'_>) -> Result<Self, SpecError> {
        text(&format!("{field}.id"), &net.id, 128)?;
        let mac = parse_mac(&net.mac).ok_or_else(|| {
            SpecError::new(format!("{field}.mac"), "six hexadecimal bytes with colons, not a group address")
        })?;
        match &net.tap {
            TapSource::Fd(fd) => drop(descriptor(&format!("{field}.tap"), *fd, base)?),
            // IFNAMSIZ is 16 with the final zero.
            TapSource::Name(name) => text(&format!("{field}.tap"), name, 15)?,
        }
        if let Some(mtu) = net.mtu {
            within(&format!("{field}.mtu"), u64::from(mtu), 68, u64::from(u16::MAX))?;
        }
        let limits = limits::check(&format!("{field}.limits"), &net.limits)?;
        Ok(Self { id: net.id.clone(), mac, tap: net.tap.clone(), mtu: net.mtu, limits })
    }

    /// Configuration space (virtio 1.2, 5.1.4): address, link up, one pair of queues, MTU.
    pub fn space(&self) -> [u8; 12] {
        let mut space = [0; 12];
        space[..6].copy_from_slice(&self.mac);
        space[6] = 1;
        space[8] = 1;
        space[10..].copy_from_slice(&self.mtu.unwrap_or(0).to_le_bytes());
        space
    }
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let bytes: Vec<u8> = text
        .split(':')
        .map(|part| u8::from_str_radix(part, 16).ok().filter(|_| part.len() == 2))
        .collect::<Option<_>>()?;
    let mac: [u8; 6] = bytes.try_into().ok()?;
    (mac[0] & 1 == 0).then_some(mac)
}
