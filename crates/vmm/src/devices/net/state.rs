//! What is saved of an interface: how many of its queues are in use, and the hardware address that the guest was told. The machine that goes on may have
//! another, which its driver learns only when somebody tells it. If it is the same, the network learns where it is now.

use super::Net;
use super::tap::HEADER;
use crate::snapshot::part::{PartError, from_state, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::Ordering;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetState {
    mac: [u8; 6],
    /// Pairs of queues in use.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pairs: usize,
}

fn one() -> usize {
    1
}

fn is_one(pairs: &usize) -> bool {
    *pairs == 1
}

/// What is saved.
pub fn save(net: &Net) -> Result<Value, PartError> {
    if net.is_severed() {
        return Err(PartError::new("it is being detached"));
    }
    state(&NetState { mac: net.config.mac, pairs: net.pairs_in_use() })
}

/// Takes note of the address the guest has.
pub fn restore(net: &Net, state: Value) -> Result<(), PartError> {
    let NetState { mac, pairs } = from_state(state)?;
    if !(1..=net.pairs.len()).contains(&pairs) {
        return Err(PartError::new(format!("it has {} pairs of queues", net.pairs.len())));
    }
    net.control().restored = pairs;
    net.announces.store(mac == net.config.mac, Ordering::Relaxed);
    Ok(())
}

/// Tells the network behind the tap where the interface is now, by a frame that means nothing else. A tap that does
/// not take it loses nothing: the guest's own frames tell the same.
pub fn announce(net: &Net) {
    if net.announces.load(Ordering::Relaxed) {
        let _ = net.pairs[0].lock().tap.as_ref().map(|tap| tap.send(&announcement(net.config.mac)));
    }
}

/// A reverse ARP request (RFC 903) for an address's own, behind the tap's header, as long as Ethernet wants it.
fn announcement(mac: [u8; 6]) -> [u8; HEADER + 60] {
    let mut frame = [0; HEADER + 60];
    let body = [
        &[0xff; 6][..],
        &mac,
        // Reverse ARP; Ethernet, IPv4, lengths, request.
        &[0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3],
        &mac,
        &[0; 4],
        &mac,
    ]
    .concat();
    frame[HEADER..HEADER + body.len()].copy_from_slice(&body);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_a_broadcast_from_the_interface() {
        let frame = announcement([2, 0, 0, 0, 0, 9]);
        assert_eq!(frame[..HEADER], [0; HEADER]);
        assert_eq!(frame[HEADER..HEADER + 14], [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 0x80, 0x35]);
        assert_eq!(frame[HEADER + 20..HEADER + 28], [0, 3, 2, 0, 0, 0, 0, 9]);
    }
}
