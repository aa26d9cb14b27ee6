//! For tests: a queue in a small guest memory whose every byte the test decides, as a hostile guest would.

use super::{Activation, Interrupt};
use crate::memory::Memory;
use crate::pci::{MsiMessage, MsiSink};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress};

/// Bytes of guest memory.
pub const MEMORY: u64 = 1 << 20;
/// Size of every queue.
pub const SIZE: u16 = 16;
/// Data may lie from here on.
pub const DATA: u64 = 0x1_0000;
/// Bytes that the rings of a queue take.
const RINGS: u64 = 0x1000;

/// Counts messages.
#[derive(Debug, Default)]
pub struct Sink(pub AtomicUsize);

impl MsiSink for Sink {
    fn send(&self, _message: MsiMessage) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A descriptor.
#[derive(Debug, Clone, Copy)]
pub struct Desc {
    /// Guest-physical address.
    pub address: u64,
    /// Bytes.
    pub length: u32,
    /// 1 next, 2 writable, 4 indirect.
    pub flags: u16,
    /// The next one.
    pub next: u16,
}

/// Guest memory with queues.
#[derive(Debug)]
pub struct Guest {
    /// The memory.
    pub memory: Memory,
    /// Interrupts of the device.
    pub interrupt: Arc<Interrupt>,
    queues: usize,
}

impl Guest {
    /// With so many queues.
    pub fn new(queues: usize) -> Self {
        let memory = Memory::from_ranges(&[(GuestAddress(0), MEMORY as usize)]).unwrap();
        Self { memory, interrupt: Arc::new(Interrupt::new(queues, Arc::new(Sink::default()))), queues }
    }

    /// What a transport hands to the device.
    pub fn activation(&self, features: u64) -> Activation {
        Activation {
            memory: self.memory.clone(),
            queues: (0..self.queues).map(|index| Some(self.queue(index))).collect(),
            features,
            interrupt: self.interrupt.clone(),
        }
    }

    fn rings(index: usize) -> u64 {
        0x1000 + index as u64 * RINGS
    }

    fn queue(&self, index: usize) -> Queue {
        let rings = GuestAddress(Self::rings(index)).0;
        let mut queue = Queue::new(SIZE).unwrap();
        queue.try_set_desc_table_address(GuestAddress(rings)).unwrap();
        queue.try_set_avail_ring_address(GuestAddress(rings + 0x400)).unwrap();
        queue.try_set_used_ring_address(GuestAddress(rings + 0x800)).unwrap();
        queue.set_ready(true);
        assert!(queue.is_valid(&self.memory));
        queue
    }

    /// Writes the descriptor table of a queue.
    pub fn describe(&self, queue: usize, descriptors: &[Desc]) {
        for (index, descriptor) in descriptors.iter().enumerate() {
            self.describe_at(GuestAddress(Self::rings(queue) + index as u64 * 16), descriptor);
        }
    }

    /// Writes a descriptor anywhere.
    pub fn describe_at(&self, place: GuestAddress, descriptor: &Desc) {
        let rest = u64::from(descriptor.length)
            | u64::from(descriptor.flags) << 32
            | u64::from(descriptor.next) << 48;
        self.memory.write_obj(descriptor.address, place).unwrap();
        self.memory.write_obj(rest, GuestAddress(place.0 + 8)).unwrap();
    }

    /// Makes chains available: their heads, and the index that the driver claims.
    pub fn offer(&self, queue: usize, heads: &[u16], index: u16) {
        let available = Self::rings(queue) + 0x400;
        for (slot, head) in heads.iter().enumerate() {
            self.memory.write_obj(*head, GuestAddress(available + 4 + slot as u64 * 2)).unwrap();
        }
        self.memory.write_obj(index, GuestAddress(available + 2)).unwrap();
    }

    /// The used ring: heads with the bytes written.
    pub fn used(&self, queue: usize) -> Vec<(u32, u32)> {
        let used = Self::rings(queue) + 0x800;
        let count: u16 = self.memory.read_obj(GuestAddress(used + 2)).unwrap();
        let element = |slot: u16| {
            let at = used + 4 + u64::from(slot % SIZE) * 8;
            (
                self.memory.read_obj(GuestAddress(at)).unwrap(),
                self.memory.read_obj(GuestAddress(at + 4)).unwrap(),
            )
        };
        (0..count).map(element).collect()
    }

    /// Bytes of memory.
    pub fn bytes(&self, address: u64, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.memory.read_slice(&mut bytes, GuestAddress(address)).unwrap();
        bytes
    }
}

/// What a hostile driver might put into a table: addresses inside, at the edge of and outside of memory, any length,
/// loops, indirect tables in indirect tables.
pub fn hostile_table() -> impl Strategy<Value = Vec<Desc>> {
    let address = prop_oneof![
        4 => DATA..MEMORY,
        1 => MEMORY - 64..MEMORY + 64,
        1 => 0x1000u64..0x2000,
        1 => any::<u64>(),
    ];
    let length = prop_oneof![4 => 0u32..2048, 1 => Just(16u32), 1 => any::<u32>()];
    let flags = prop_oneof![8 => 0u16..4, 1 => any::<u16>()];
    let next = prop_oneof![8 => 0u16..SIZE, 1 => any::<u16>()];
    let one = (address, length, flags, next).prop_map(|(address, length, flags, next)| Desc {
        address,
        length,
        flags,
        next,
    });
    prop::collection::vec(one, usize::from(SIZE))
}

/// Heads and the index claimed for them.
pub fn hostile_offer() -> impl Strategy<Value = (Vec<u16>, u16)> {
    let head = prop_oneof![8 => 0u16..SIZE, 1 => any::<u16>()];
    let index = prop_oneof![6 => 0u16..=SIZE, 1 => any::<u16>()];
    (prop::collection::vec(head, usize::from(SIZE)), index)
}
