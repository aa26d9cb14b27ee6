//! Queues of the network device, without a tap: what arrives is put in by hand.

use super::active::Active;
use super::features;
use crate::virtio::F_COMMON;
use crate::virtio::testing::*;
use proptest::prelude::*;

fn active(mergeable: bool) -> (Guest, Active) {
    let guest = Guest::new(2);
    let features = F_COMMON | if mergeable { features::MRG_RXBUF } else { 0 };
    let active = Active::new(guest.activation(features)).unwrap();
    (guest, active)
}

/// A frame of `length` bytes behind its header.
fn frame(length: usize) -> Vec<u8> {
    (0..12 + length).map(|at| if at < 12 { 0 } else { at as u8 }).collect()
}

fn buffers(guest: &Guest, count: u16, length: u32) {
    let descriptors: Vec<Desc> = (0..count)
        .map(|index| Desc { address: DATA + u64::from(index) * 0x1000, length, flags: 2, next: 0 })
        .collect();
    guest.describe(0, &descriptors);
    guest.offer(0, &(0..count).collect::<Vec<_>>(), count);
}

#[test]
fn a_frame_is_spread_over_as_many_buffers_as_it_needs() {
    let (guest, mut active) = active(true);
    buffers(&guest, 4, 1000);
    let sent = frame(2500);
    assert!(active.put(&sent));
    assert_eq!(guest.used(0), [(0, 1000), (1, 1000), (2, 512)]);
    assert_eq!(guest.bytes(DATA + 10, 2), [3, 0]);
    let got =
        [guest.bytes(DATA, 1000), guest.bytes(DATA + 0x1000, 1000), guest.bytes(DATA + 0x2000, 512)].concat();
    assert_eq!(got[12..], sent[12..]);
}

#[test]
fn a_frame_waits_until_there_is_room_for_all_of_it() {
    let (guest, mut active) = active(true);
    buffers(&guest, 2, 1000);
    assert!(!active.put(&frame(2500)));
    assert_eq!(guest.used(0), []);
    buffers(&guest, 3, 1000);
    assert!(active.put(&frame(2500)));
    assert_eq!(guest.used(0).len(), 3);
}

#[test]
fn without_mergeable_buffers_a_frame_has_one_or_is_lost() {
    let (guest, mut active) = active(false);
    buffers(&guest, 2, 1000);
    assert!(active.put(&frame(2500)));
    assert_eq!(guest.used(0), [(0, 0)]);
    assert!(active.put(&frame(500)));
    assert_eq!(guest.used(0), [(0, 0), (1, 512)]);
    assert_eq!(guest.bytes(DATA + 0x1000 + 10, 2), [1, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_ring_brings_reception_down(
        table in hostile_table(), (heads, index) in hostile_offer(), mergeable: bool,
        lengths in prop::collection::vec(1usize..5000, 1..10),
    ) {
        let (guest, mut active) = active(mergeable);
        guest.describe(0, &table);
        guest.offer(0, &heads, index);
        for length in lengths {
            active.put(&frame(length));
        }
    }
}
