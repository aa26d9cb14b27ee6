//! Queues of the network device, without a tap: what arrives is put in by hand.

use super::active::Active;
use super::control::{Control, place};
use super::*;
use crate::virtio::testing::*;
use crate::virtio::{Activation, F_COMMON};
use cumulet_vmm_protocol::TapSource;
use proptest::prelude::*;
use std::os::fd::OwnedFd;
use vm_memory::{Bytes, GuestAddress};

fn active(mergeable: bool) -> (Guest, Active) {
    let guest = Guest::new(2);
    let features = F_COMMON | if mergeable { features::MRG_RXBUF } else { 0 };
    let Activation { memory, queues, features, interrupt } = guest.activation(features);
    let active = Active::new(queues.try_into().unwrap(), 0, memory, features, interrupt);
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

#[test]
fn the_control_queue_is_behind_the_pairs_that_the_driver_knows_of() {
    let (control, several) = (features::CTRL_VQ, features::MQ);
    assert_eq!(place(F_COMMON | several, 4), None);
    assert_eq!(place(F_COMMON | control, 4), Some(2));
    assert_eq!(place(F_COMMON | control | several, 4), Some(8));
}

fn nothing() -> OwnedFd {
    std::fs::File::open("/dev/null").unwrap().into()
}

/// An interface whose taps are no taps: what is asked of them fails, as of one that was cut off.
fn several(pairs: usize) -> Net {
    let sources = vec![TapSource::Fd(9); pairs];
    let config = NetConfig {
        id: "eni-1".into(),
        mac: [2; 6],
        tap: sources[0].clone(),
        more_queues: sources[1..].to_vec(),
        mtu: None,
        limits: Default::default(),
    };
    let net = Net::new(config, (0..pairs).map(|_| Tap::stand_in(nothing())).collect()).unwrap();
    net.sever();
    net
}

/// What the device answers to a command.
fn command(guest: &Guest, net: &Net, queue: usize, turn: u16, bytes: &[u8]) -> Vec<u8> {
    guest.memory.write_slice(bytes, GuestAddress(DATA)).unwrap();
    guest.memory.write_obj(0xeeu8, GuestAddress(DATA + 64)).unwrap();
    let request = Desc { address: DATA, length: bytes.len() as u32, flags: 1, next: 1 };
    guest.describe(queue, &[request, Desc { address: DATA + 64, length: 1, flags: 2, next: 0 }]);
    guest.offer(queue, &vec![0; usize::from(turn) + 1], turn + 1);
    net.serve_control(queue);
    assert_eq!(guest.used(queue).len(), usize::from(turn) + 1);
    guest.bytes(DATA + 64, 1)
}

#[test]
fn a_driver_chooses_how_many_pairs_it_uses() {
    let (guest, net) = (Guest::new(9), several(4));
    assert_ne!(net.features() & features::MQ, 0);
    net.activate(guest.activation(F_COMMON | features::CTRL_VQ | features::MQ));
    let steps: [(&[u8], u8, usize); 7] = [
        (&[4, 0, 3, 0], 0, 3),
        (&[4, 0, 5, 0], 1, 3),
        (&[4, 0, 0, 0], 1, 3),
        (&[4, 1, 2, 0], 1, 3),
        (&[0, 0, 1], 1, 3),
        (&[4, 0, 4, 0], 0, 4),
        (&[4, 0, 1, 0], 0, 1),
    ];
    for (turn, (bytes, answer, pairs)) in (0..).zip(steps) {
        assert_eq!(command(&guest, &net, 8, turn, bytes), [answer], "{bytes:?}");
        assert_eq!(net.pairs_in_use(), pairs);
    }
    assert_eq!(net.progress().unwrap().iter().flatten().count(), 9);
    command(&guest, &net, 8, 7, &[4, 0, 2, 0]);
    net.reset();
    assert_eq!(net.pairs_in_use(), 1);
}

#[test]
fn a_driver_that_knows_of_one_pair_has_one() {
    let (guest, net) = (Guest::new(9), several(4));
    net.activate(guest.activation(F_COMMON | features::CTRL_VQ));
    assert_eq!(command(&guest, &net, 2, 0, &[4, 0, 2, 0]), [1]);
    let used: Vec<usize> =
        net.progress().unwrap().iter().enumerate().filter_map(|(at, one)| one.map(|_| at)).collect();
    assert_eq!(used, [0, 1, 2]);
}

#[test]
fn pairs_in_use_are_saved_if_there_are_several() {
    let net = |pairs| {
        let (guest, net) = (Guest::new(2 * pairs + 1), several(pairs));
        net.restore(serde_json::json!({"mac": [2, 2, 2, 2, 2, 2], "pairs": 2})).map(|()| {
            net.activate(guest.activation(F_COMMON | features::CTRL_VQ | features::MQ));
            net.pairs_in_use()
        })
    };
    assert_eq!(net(4), Ok(2));
    assert!(net(1).is_err());
    assert_eq!(Control::default().pairs, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_ring_brings_control_or_sending_down(
        table in hostile_table(), (heads, index) in hostile_offer(), data: [u8; 32], knows: bool,
    ) {
        let (guest, net) = (Guest::new(5), several(2));
        let mq = if knows { features::MQ } else { 0 };
        net.activate(guest.activation(F_COMMON | features::CTRL_VQ | mq));
        guest.memory.write_slice(&data, GuestAddress(DATA)).unwrap();
        for queue in 0..5 {
            guest.describe(queue, &table);
            guest.offer(queue, &heads, index);
        }
        (0..3).for_each(|which| net.ready(which));
        (0..2).for_each(|which| net.ready_of(1, which));
    }
}
