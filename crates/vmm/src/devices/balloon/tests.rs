//! Queues as a driver fills them, and as no driver would.

use super::*;
use crate::virtio::testing::*;
use proptest::prelude::*;
use vm_memory::{Bytes, GuestAddress};

fn fixture() -> (Guest, Balloon) {
    let guest = Guest::new(QUEUE_SIZES.len());
    let balloon = Balloon::new().unwrap();
    balloon.activate(guest.activation(F_COMMON | F_REPORTING));
    (guest, balloon)
}

/// A page with something in it.
fn fill(guest: &Guest, page: u64) {
    guest.memory.write_slice(&[7; 4096], GuestAddress(page * 4096)).unwrap();
}

#[test]
fn pages_given_up_and_pages_reported_go_back_to_the_host() {
    let (guest, balloon) = fixture();
    (32..40).for_each(|page| fill(&guest, page));
    guest.memory.write_obj(33u32, GuestAddress(DATA)).unwrap();
    guest.memory.write_obj(34u32, GuestAddress(DATA + 4)).unwrap();
    guest.describe(INFLATE, &[Desc { address: DATA, length: 8, flags: 0, next: 0 }]);
    guest.offer(INFLATE, &[0], 1);
    balloon.ready(INFLATE);
    guest.describe(REPORTING, &[Desc { address: 36 * 4096, length: 8192, flags: 2, next: 0 }]);
    guest.offer(REPORTING, &[0], 1);
    balloon.ready(REPORTING);
    let kept: Vec<u64> = (32..40).filter(|page| guest.bytes(page * 4096, 1) == [7]).collect();
    assert_eq!(kept, [32, 35, 38, 39]);
    assert_eq!((balloon.metrics().inflated_bytes, balloon.metrics().reported_bytes), (8192, 8192));
    assert_eq!((guest.used(INFLATE).len(), guest.used(REPORTING).len()), (1, 1));
}

#[test]
fn what_is_asked_for_and_given_is_in_the_configuration() {
    let (_guest, balloon) = fixture();
    balloon.set_target(3);
    balloon.write_config(4, &512u32.to_le_bytes());
    balloon.write_config(0, &9u32.to_le_bytes());
    let mut space = [0; 8];
    balloon.read_config(0, &mut space);
    assert_eq!(u64::from_le_bytes(space), 768 | 512 << 32);
    assert_eq!((balloon.metrics().target_mib, balloon.metrics().actual_mib), (3, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_ring_brings_the_device_down(
        table in hostile_table(), (heads, index) in hostile_offer(), pages in prop::collection::vec(any::<u32>(), 64),
    ) {
        let (guest, balloon) = fixture();
        for (slot, page) in pages.iter().enumerate() {
            guest.memory.write_obj(*page, GuestAddress(DATA + slot as u64 * 4)).unwrap();
        }
        for queue in [INFLATE, DEFLATE, REPORTING] {
            guest.describe(queue, &table);
            guest.offer(queue, &heads, index);
            balloon.ready(queue);
            balloon.ready(queue);
        }
    }
}
