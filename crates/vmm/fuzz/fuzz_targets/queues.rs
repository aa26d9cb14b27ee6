//! Rings of any content, walked by each device. The input is a table of descriptors and the heads that are offered, the
//! same for all queues, and then data. Addresses mostly hit memory, or fuzzing would find little but that they don't. The
//! device comes back, and a disk changes nothing outside its own range.
#![no_main]

use cumulet_vmm::config::Base;
use cumulet_vmm::devices::balloon::Balloon;
use cumulet_vmm::devices::block::{self, Block, BlockConfig};
use cumulet_vmm::devices::entropy::Entropy;
use cumulet_vmm::event_loop::EventSource;
use cumulet_vmm::memory::Memory;
use cumulet_vmm::pci::{MsiMessage, MsiSink};
use cumulet_vmm::source::Given;
use cumulet_vmm::virtio::{Activation, F_COMMON, Interrupt, VirtioDevice};
use cumulet_vmm_protocol::{Disk, DiskFormat, Layer, Source};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::Arc;
use tempfile::NamedTempFile;
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress};

const MEMORY: usize = 1 << 20;
const SIZE: u16 = 16;
const RINGS: u64 = 0x1000;
const DISK: u64 = 64 * 1024;
const DATA: u64 = 0x1_0000;
/// 8 bytes for each descriptor: place, length, flags, next.
const TABLE: usize = SIZE as usize * 8;
const HEADS: usize = SIZE as usize;

#[derive(Debug)]
struct Nobody;

impl MsiSink for Nobody {
    fn send(&self, _message: MsiMessage) {}
}

fuzz_target!(|input: &[u8]| {
    let Some((&[which, index], content)) = input.split_first_chunk::<2>() else { return };
    let Some((table, content)) = content.split_first_chunk::<TABLE>() else { return };
    let Some((heads, data)) = content.split_first_chunk::<HEADS>() else { return };
    let memory = Memory::from_ranges(&[(GuestAddress(0), MEMORY)]).expect("a little memory");
    let data = &data[..data.len().min(MEMORY - DATA as usize)];
    memory.write_slice(data, GuestAddress(DATA)).expect("it fits");
    for queue in 0..3 {
        describe(&memory, RINGS * (1 + queue), table, heads, index);
    }
    let features = F_COMMON & !if which & 0x80 != 0 { 1 << 29 } else { 0 };
    match which % 3 {
        0 => {
            let device = Entropy::new().expect("a descriptor");
            activate(&device, &memory, features);
            (0..3).for_each(|_| device.ready(0));
        }
        1 => {
            let device = Balloon::new().expect("descriptors");
            activate(&device, &memory, features);
            (0..6).for_each(|turn| device.ready(turn % 3));
        }
        _ => disk(&memory, features, which & 0x40 != 0),
    }
});

/// Writes the rings of a queue.
fn describe(memory: &Memory, rings: u64, table: &[u8; TABLE], heads: &[u8; HEADS], index: u8) {
    let put = |at: u64, bytes: &[u8]| memory.write_slice(bytes, GuestAddress(at)).expect("it fits");
    for (at, entry) in (rings..).step_by(16).zip(table.chunks_exact(8)) {
        let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
        let (flags, next) = (half(4), half(6));
        // Flags that mean nothing to the device tell where the buffer lies and how long it is.
        let wild = |bit: u16, value: u64, shift: u32| {
            if flags & bit != 0 { value.rotate_left(shift) } else { value }
        };
        let address = wild(1 << 15, DATA + u64::from(half(0)), 44);
        let length = wild(1 << 14, u64::from(half(2)), 16) as u32;
        put(at, &address.to_le_bytes());
        put(at + 8, &length.to_le_bytes());
        put(at + 12, &(flags & 0xf).to_le_bytes());
        put(at + 14, &next.to_le_bytes());
    }
    put(rings + 0x402, &u16::from(index).to_le_bytes());
    for (at, head) in (rings + 0x404..).step_by(2).zip(heads) {
        put(at, &u16::from(*head).to_le_bytes());
    }
}

fn disk(memory: &Memory, features: u64, read_only: bool) {
    let file = NamedTempFile::new().expect("a file");
    file.as_file().set_len(DISK).expect("it grows");
    let source = Source::Path(file.path().to_string_lossy().into_owned());
    let layer = Layer { format: DiskFormat::Raw, source };
    let (id, serial) = ("vol-1".to_owned(), "vol1".to_owned());
    let backing = Vec::new();
    let disk = Disk { id, serial, read_only, layer, backing, limits: Default::default(), engine: None };
    let config = BlockConfig::check("disk", &disk, Base::inherited(Path::new("/"))).expect("a right disk");
    let image = block::open(&config.layers, read_only, &mut Given::Inherited).expect("a right file");
    let device = Block::new(config, image, 3).expect("a descriptor");
    activate(&device, memory, features);
    for _ in 0..3 {
        device.serve();
    }
    assert_eq!(file.as_file().metadata().expect("a file").len(), DISK);
}

fn activate(device: &dyn VirtioDevice, memory: &Memory, features: u64) {
    let count = device.queue_sizes().len();
    let queue = |index: usize| {
        let rings = RINGS * (1 + index as u64);
        let mut queue = Queue::new(SIZE).expect("a power of two");
        queue.try_set_desc_table_address(GuestAddress(rings)).expect("aligned");
        queue.try_set_avail_ring_address(GuestAddress(rings + 0x400)).expect("aligned");
        queue.try_set_used_ring_address(GuestAddress(rings + 0x800)).expect("aligned");
        queue.set_event_idx(features & 1 << 29 != 0);
        queue.set_ready(true);
        Some(queue)
    };
    device.activate(Activation {
        memory: memory.clone(),
        queues: (0..count).map(queue).collect(),
        features,
        interrupt: Arc::new(Interrupt::new(count, Arc::new(Nobody))),
    });
}
