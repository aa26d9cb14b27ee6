//! The queues of a network interface with two pairs: headers and frames of the guest, its buffers for what comes in, and
//! the control queue, of a driver that knows of several pairs and of one that does not. The tap is a pair of sockets. What
//! is sent is no longer than a frame can be, what is saved is what is restored, and the device comes back.
#![no_main]

use cumulet_vmm::config::Base;
use cumulet_vmm::devices::net::{Net, NetConfig, Tap};
use cumulet_vmm::event_loop::EventSource;
use cumulet_vmm::memory::Memory;
use cumulet_vmm::pci::{MsiMessage, MsiSink};
use cumulet_vmm::virtio::{Activation, F_COMMON, Interrupt, VirtioDevice};
use cumulet_vmm_protocol::{NetInterface, TapSource};
use libfuzzer_sys::fuzz_target;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress};

const MEMORY: usize = 1 << 20;
const SIZE: u16 = 16;
const RINGS: u64 = 0x1000;
const QUEUES: usize = 5;
const DATA: u64 = 0x1_0000;
/// 8 bytes for each descriptor: place, length, flags, next.
const TABLE: usize = SIZE as usize * 8;
const HEADS: usize = SIZE as usize;
/// `MRG_RXBUF`, `CTRL_VQ`, `MQ`, `RING_EVENT_IDX`.
const CHOSEN: [u64; 4] = [1 << 15, 1 << 17, 1 << 22, 1 << 29];
const MOST: usize = 12 + 65_536 + 18;

#[derive(Debug)]
struct Nobody;

impl MsiSink for Nobody {
    fn send(&self, _message: MsiMessage) {}
}

fuzz_target!(|input: &[u8]| {
    let Some((&[choice, index, count, frames], content)) = input.split_first_chunk::<4>() else { return };
    let Some((table, content)) = content.split_first_chunk::<TABLE>() else { return };
    let Some((heads, data)) = content.split_first_chunk::<HEADS>() else { return };
    let memory = Memory::from_ranges(&[(GuestAddress(0), MEMORY)]).expect("a little memory");
    let data = &data[..data.len().min(MEMORY - DATA as usize)];
    memory.write_slice(data, GuestAddress(DATA)).expect("it fits");
    (0..QUEUES as u64).for_each(|queue| describe(&memory, RINGS * (1 + queue), table, heads, index));
    let chosen = CHOSEN.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1);
    let features = chosen.fold(F_COMMON & !(1 << 29), |features, (_, feature)| features | feature);
    let (net, wires) = interface();
    activate(&net, &memory, features);
    for turn in 0..u16::from(count & 3) + 1 {
        let length = usize::from(frames) * 300 + usize::from(turn);
        for wire in &wires {
            let _ = wire.send(&vec![turn as u8; length.min(MOST)]);
        }
        (0..5).for_each(|which| net.ready(which));
        (0..4).for_each(|which| net.ready_of(1, which));
        let mut sent = vec![0; MOST + 1];
        for wire in &wires {
            while let Ok(length) = wire.recv(&mut sent) {
                assert!((13..=MOST).contains(&length), "a frame of {length} bytes");
            }
        }
        if count & 4 != 0 {
            // Then the control queue can change the pairs: there is no tap that could refuse.
            net.sever();
        }
    }
    let Ok(saved) = net.save() else { return };
    let (copy, _wires) = interface();
    copy.restore(saved.clone()).expect("what was saved can be restored");
    if count & 8 != 0 {
        net.reset();
    }
});

fn interface() -> (Net, Vec<UnixDatagram>) {
    let net = NetInterface {
        id: "eni-1".into(),
        mac: "02:00:00:00:00:01".into(),
        tap: TapSource::Fd(0),
        more_queues: vec![TapSource::Fd(0)],
        mtu: Some(1500),
        limits: Default::default(),
    };
    let config = NetConfig::check("net", &net, Base::message(Path::new("/"))).expect("a right interface");
    let pair = || {
        let (here, there) = UnixDatagram::pair().expect("two sockets");
        [&here, &there].iter().for_each(|wire| wire.set_nonblocking(true).expect("a socket"));
        (Tap::stand_in(here.into()), there)
    };
    let (taps, wires) = [pair(), pair()].into_iter().unzip();
    (Net::new(config, taps).expect("descriptors"), wires)
}

/// Writes the rings of a queue. Addresses mostly hit memory, or fuzzing would find little but that they don't.
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

fn activate(net: &Net, memory: &Memory, features: u64) {
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
    net.activate(Activation {
        memory: memory.clone(),
        queues: (0..QUEUES).map(queue).collect(),
        features,
        interrupt: Arc::new(Interrupt::new(QUEUES, Arc::new(Nobody))),
    });
}
