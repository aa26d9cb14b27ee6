//! Requests as a driver makes them, and as none would.

use super::blocks::Blocks;
use super::request::{Range, State};
use super::*;
use crate::virtio::testing::*;
use proptest::prelude::*;
use vm_memory::{Bytes, GuestAddress};

const START: u64 = 1 << 32;
const SIZE: u64 = 1 << 30;

fn blocks(requested: u64) -> Blocks {
    let mut blocks = Blocks::new(START, SIZE);
    blocks.request(requested * BLOCK);
    blocks
}

fn range(first: u64, blocks: u16) -> Range {
    Range { address: START + first * BLOCK, blocks }
}

#[test]
fn no_more_is_plugged_than_was_asked_for() {
    let mut blocks = blocks(4);
    assert_eq!(blocks.answer(Request::Plug(range(0, 3))), (Answer::Done, vec![]));
    assert_eq!(blocks.answer(Request::Plug(range(2, 2))).0, Answer::Wrong);
    assert_eq!(blocks.answer(Request::Plug(range(8, 2))).0, Answer::Refused);
    assert_eq!(blocks.answer(Request::Plug(range(8, 1))).0, Answer::Done);
    assert_eq!(blocks.plugged(), 4 * BLOCK);
    assert_eq!(blocks.plugged_ranges(), [(START, 3 * BLOCK), (START + 8 * BLOCK, BLOCK)]);
    assert_eq!(blocks.answer(Request::State(range(0, 3))).0, Answer::State(State::Plugged));
    assert_eq!(blocks.answer(Request::State(range(2, 2))).0, Answer::State(State::Mixed));
    assert_eq!(blocks.answer(Request::State(range(9, 2))).0, Answer::State(State::Unplugged));
}

#[test]
fn what_is_given_back_is_named_and_must_have_been_plugged() {
    let mut blocks = blocks(4);
    blocks.answer(Request::Plug(range(1, 4)));
    assert_eq!(blocks.answer(Request::Unplug(range(4, 2))).0, Answer::Wrong);
    blocks.request(0);
    assert_eq!(blocks.answer(Request::Unplug(range(2, 1))), (Answer::Done, vec![(START + 2 * BLOCK, BLOCK)]));
    let rest = vec![(START + BLOCK, BLOCK), (START + 3 * BLOCK, 2 * BLOCK)];
    assert_eq!(blocks.answer(Request::UnplugAll), (Answer::Done, rest));
    assert_eq!(blocks.answer(Request::State(range(0, 1))).0, Answer::Wrong, "nothing is usable any more");
}

/// Addresses and lengths in, at the edges of and outside the region.
fn any_request() -> impl Strategy<Value = Request> {
    let near = (0u64..1 << 10, any::<u8>()).prop_map(|(block, _)| START + block * BLOCK);
    let address = prop_oneof![8 => near, 1 => any::<u64>(), 1 => START - 8..START + 8];
    let blocks = prop_oneof![8 => 0u16..20, 1 => any::<u16>()];
    let range = (address, blocks).prop_map(|(address, blocks)| Range { address, blocks });
    prop_oneof![
        6 => range.clone().prop_map(Request::Plug),
        4 => range.clone().prop_map(Request::Unplug),
        2 => range.prop_map(Request::State),
        1 => Just(Request::UnplugAll),
    ]
}

proptest! {
    /// Whatever is asked: what is plugged is inside the region and no more than was asked for when it was plugged, what
    /// is given back was plugged, and what is saved comes back.
    #[test]
    fn the_books_are_right_whatever_is_asked(
        steps in prop::collection::vec((any_request(), prop::option::weighted(0.2, 0u64..=512)), 1..80),
    ) {
        let mut blocks = blocks(100);
        let mut plugged = std::collections::BTreeSet::new();
        for (request, wanted) in steps {
            wanted.into_iter().for_each(|wanted| blocks.request(wanted * BLOCK));
            let before = plugged.clone();
            let (answer, gone) = blocks.answer(request);
            if let (Request::Plug(range), Answer::Done) = (request, answer) {
                let new: Vec<u64> = (0..u64::from(range.blocks)).map(|at| range.address + at * BLOCK).collect();
                prop_assert!(new.iter().all(|block| plugged.insert(*block)));
                prop_assert!(plugged.len() as u64 * BLOCK <= blocks.requested());
            }
            for (start, length) in gone {
                for block in (start..start + length).step_by(BLOCK as usize) {
                    prop_assert!(plugged.remove(&block) && before.contains(&block));
                }
            }
            prop_assert_eq!(blocks.plugged(), plugged.len() as u64 * BLOCK);
            prop_assert!(plugged.iter().all(|block| (START..START + SIZE).contains(block)));
            let mut copy = Blocks::new(START, SIZE);
            copy.restore(blocks.save()).unwrap();
            prop_assert_eq!(copy.space(), blocks.space());
            prop_assert_eq!(copy.plugged_ranges(), blocks.plugged_ranges());
        }
    }
}

#[test]
fn a_state_that_no_driver_brings_about_is_refused() {
    let mut blocks = blocks(4);
    blocks.answer(Request::Plug(range(1, 4)));
    let value = state(&blocks.save()).unwrap();
    let restored = |change: fn(&mut Value)| {
        let mut value = value.clone();
        change(&mut value);
        Mem::new(START, SIZE).unwrap().restore(value)
    };
    restored(|_| ()).unwrap();
    assert!(restored(|v| v["start"] = 0.into()).unwrap_err().0.contains("1024 MiB at 0x0"));
    assert!(restored(|v| v["size"] = 7.into()).is_err());
    assert!(restored(|v| v["requested"] = (SIZE + BLOCK).into()).is_err());
    assert!(restored(|v| v["usable"] = 1.into()).is_err());
    for plugged in [[[1, 4], [4, 1]], [[1, 0], [4, 1]], [[1, 4], [u64::MAX, 1]], [[1, 4], [5, u64::MAX]]] {
        let mut value = value.clone();
        value["plugged"] = serde_json::json!(plugged);
        assert!(Mem::new(START, SIZE).unwrap().restore(value).is_err(), "{plugged:?}");
    }
}

fn request(kind: u16, address: u64, blocks: u16) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    bytes[..2].copy_from_slice(&kind.to_le_bytes());
    bytes[8..16].copy_from_slice(&address.to_le_bytes());
    bytes[16..18].copy_from_slice(&blocks.to_le_bytes());
    bytes
}

#[test]
fn a_driver_plugs_what_it_is_asked_for_and_finds_it_in_the_configuration() {
    let guest = Guest::new(1);
    let mem = Mem::new(START, SIZE).unwrap();
    mem.activate(guest.activation(F_COMMON));
    mem.request(2 * BLOCK);
    let ask = |turn: u16, bytes: [u8; REQUEST]| {
        guest.memory.write_slice(&bytes, GuestAddress(DATA)).unwrap();
        let request = Desc { address: DATA, length: REQUEST as u32, flags: 1, next: 1 };
        guest.describe(0, &[request, Desc { address: DATA + 64, length: 16, flags: 2, next: 0 }]);
        guest.offer(0, &vec![0; usize::from(turn) + 1], turn + 1);
        mem.ready(0);
        assert_eq!(guest.used(0)[usize::from(turn)], (0, ANSWER as u32));
        guest.bytes(DATA + 64, ANSWER)
    };
    assert_eq!(ask(0, request(0, START, 2)), [0; ANSWER]);
    assert_eq!(ask(1, request(0, START + 2 * BLOCK, 1))[0], 1);
    assert_eq!(ask(2, request(3, START + 2 * BLOCK, 1))[8], 1);
    assert_eq!(ask(3, request(1, START, 1)), [0; ANSWER]);
    assert_eq!(ask(4, request(9, START, 1))[0], 3);
    let mut space = [0; 56];
    mem.read_config(0, &mut space);
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| space[at + index]));
    assert_eq!(
        [0, 16, 24, 32, 40, 48].map(word),
        [BLOCK, START, SIZE, 2 * BLOCK + (256 << 20), BLOCK, 2 * BLOCK]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_ring_brings_the_device_down(table in hostile_table(), (heads, index) in hostile_offer(), data: [u8; 32]) {
        let guest = Guest::new(1);
        let mem = Mem::new(START, SIZE).unwrap();
        mem.activate(guest.activation(F_COMMON));
        mem.request(SIZE);
        guest.memory.write_slice(&data, GuestAddress(DATA)).unwrap();
        guest.describe(0, &table);
        guest.offer(0, &heads, index);
        mem.ready(0);
        mem.ready(0);
    }
}
