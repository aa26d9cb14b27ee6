//! Requests for memory that comes and goes, one of 16 bytes after the other, while what is asked for changes. A block that
//! is plugged keeps what is in it, one that was given back is empty, all of them lie in the region, and what is saved comes
//! back. A state of any content is restored or refused.
#![no_main]

use cumulet_vmm::devices::mem::{BLOCK, Mem};
use cumulet_vmm::event_loop::EventSource;
use cumulet_vmm::memory::Memory;
use cumulet_vmm::pci::{MsiMessage, MsiSink};
use cumulet_vmm::virtio::{Activation, F_COMMON, Interrupt, VirtioDevice};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress};

const START: u64 = 1 << 32;
const BLOCKS: u64 = 32;
const RINGS: u64 = 0x1000;
const DATA: u64 = 0x1_0000;
const STEP: usize = 16;
const MAX_STEPS: usize = 200;
const REQUEST: usize = 24;
const ANSWER: u32 = 10;

#[derive(Debug)]
struct Nobody;

impl MsiSink for Nobody {
    fn send(&self, _message: MsiMessage) {}
}

fuzz_target!(|input: &[u8]| {
    if let Ok(state) = serde_json::from_slice(input) {
        let _ = Mem::new(START, BLOCKS * BLOCK).expect("a descriptor").restore(state);
    }
    let ranges = [(GuestAddress(0), 1 << 20), (GuestAddress(START), (BLOCKS * BLOCK) as usize)];
    let memory = Memory::from_ranges(&ranges).expect("memory that nobody touches yet");
    let mem = Mem::new(START, BLOCKS * BLOCK).expect("a descriptor");
    mem.activate(activation(&memory));
    let put = |at: u64, bytes: &[u8]| memory.write_slice(bytes, GuestAddress(at)).expect("it fits");
    let mut held = Vec::new();
    for (turn, step) in (1u16..).zip(input.chunks_exact(STEP).take(MAX_STEPS)) {
        if step[0] & 0x80 != 0 {
            mem.request(u64::from(step[1]) % (BLOCKS + 1) * BLOCK);
        }
        put(DATA, &request(step));
        put(RINGS + 0x404 + 2 * u64::from((turn - 1) % 16), &[0, 0]);
        put(RINGS + 0x402, &turn.to_le_bytes());
        mem.ready(0);
        let written: u32 = memory.read_obj(GuestAddress(RINGS + 0x800 + 8 + 8 * u64::from((turn - 1) % 16))).expect("a ring");
        assert_eq!(written, ANSWER);
        let now = mem.plugged();
        assert!(now.iter().all(|(start, length)| *start >= START && start + length <= START + BLOCKS * BLOCK));
        let is_plugged = |block: u64| now.iter().any(|(start, length)| (*start..start + length).contains(&block));
        held.retain(|block| {
            let kept = memory.read_obj::<u8>(GuestAddress(*block)).expect("memory") == 7;
            assert_eq!(kept, is_plugged(*block), "{block:#x}");
            kept
        });
        for block in (0..BLOCKS).map(|block| START + block * BLOCK).filter(|block| is_plugged(*block)) {
            if !held.contains(&block) {
                put(block, &[7]);
                held.push(block);
            }
        }
        assert_eq!(mem.sizes().plugged, held.len() as u64 * BLOCK);
    }
    let copy = Mem::new(START, BLOCKS * BLOCK).expect("a descriptor");
    copy.restore(mem.save().expect("it can be saved")).expect("what was saved can be restored");
    assert_eq!((copy.plugged(), copy.sizes()), (mem.plugged(), mem.sizes()));
});

/// Mostly of blocks in or near the region.
fn request(step: &[u8]) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    bytes[0] = step[0] & 7;
    let near = START.wrapping_add((u64::from(step[2]) % (BLOCKS + 2)).wrapping_sub(1).wrapping_mul(BLOCK));
    let address = match step[0] >> 4 & 7 {
        0 => u64::from_le_bytes(std::array::from_fn(|index| step[8 + index])),
        1 => near.wrapping_add(u64::from(step[8])),
        _ => near,
    };
    bytes[8..16].copy_from_slice(&address.to_le_bytes());
    let blocks = if step[0] & 8 != 0 { u16::from_le_bytes([step[4], step[5]]) } else { u16::from(step[4] & 7) };
    bytes[16..18].copy_from_slice(&blocks.to_le_bytes());
    bytes
}

fn activation(memory: &Memory) -> Activation {
    let put = |at: u64, bytes: &[u8]| memory.write_slice(bytes, GuestAddress(at)).expect("it fits");
    // A request and room for its answer.
    for (at, address, length, flags) in [(0, DATA, REQUEST as u32, 1u16), (16, DATA + 64, 16, 2)] {
        put(RINGS + at, &u64::to_le_bytes(address));
        put(RINGS + at + 8, &length.to_le_bytes());
        put(RINGS + at + 12, &flags.to_le_bytes());
        put(RINGS + at + 14, &1u16.to_le_bytes());
    }
    let mut queue = Queue::new(16).expect("a power of two");
    queue.try_set_desc_table_address(GuestAddress(RINGS)).expect("aligned");
    queue.try_set_avail_ring_address(GuestAddress(RINGS + 0x400)).expect("aligned");
    queue.try_set_used_ring_address(GuestAddress(RINGS + 0x800)).expect("aligned");
    queue.set_ready(true);
    Activation {
        memory: memory.clone(),
        queues: vec![Some(queue)],
        features: F_COMMON & !(1 << 29),
        interrupt: Arc::new(Interrupt::new(1, Arc::new(Nobody))),
    }
}
