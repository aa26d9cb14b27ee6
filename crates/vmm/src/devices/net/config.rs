//! What an interface is made from, and the configuration space it shows.

use crate::config::{Base, SpecError, descriptor, text, within};
use crate::limits;
use cumulet_vmm_protocol::{Limits, NetInterface, TapSource};

/// Most pairs of queues of an interface.
pub const MAX_PAIRS: usize = 16;

/// A checked interface.
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// The interface.
    pub id: String,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The first queue of its tap.
    pub tap: TapSource,
    /// The others, each for a pair of queues of the guest's.
    pub more_queues: Vec<TapSource>,
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
        check_tap(&format!("{field}.tap"), &net.tap, base)?;
        within(&format!("{field}.more_queues"), net.more_queues.len() as u64, 0, MAX_PAIRS as u64 - 1)?;
        for (index, tap) in net.more_queues.iter().enumerate() {
            check_tap(&format!("{field}.more_queues[{index}]"), tap, base)?;
        }
        if let Some(mtu) = net.mtu {
            within(&format!("{field}.mtu"), u64::from(mtu), 68, u64::from(u16::MAX))?;
        }
        let limits = limits::check(&format!("{field}.limits"), &net.limits)?;
        let (id, mtu) = (net.id.clone(), net.mtu);
        Ok(Self { id, mac, tap: net.tap.clone(), more_queues: net.more_queues.clone(), mtu, limits })
    }

    /// How many pairs of queues it has.
    pub fn pairs(&self) -> usize {
        1 + self.more_queues.len()
    }

    /// Configuration space (virtio 1.2, 5.1.4): address, link up, pairs of queues, MTU.
    pub fn space(&self) -> [u8; 12] {
        let mut space = [0; 12];
        space[..6].copy_from_slice(&self.mac);
        space[6] = 1;
        space[8] = self.pairs() as u8;
        space[10..].copy_from_slice(&self.mtu.unwrap_or(0).to_le_bytes());
        space
    }
}

fn check_tap(field: &str, tap: &TapSource, base: Base<'_>) -> Result<(), SpecError> {
    match tap {
        TapSource::Fd(fd) => descriptor(field, *fd, base).map(drop),
        // IFNAMSIZ is 16 with the final zero.
        TapSource::Name(name) => text(field, name, 15),
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
