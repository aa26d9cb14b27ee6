//! Kernel images and RAM disks of any content, and of any length, go through the boot code: they are loaded or refused. The
//! first bytes say how; changes may be given that are put over a right image of each kind, so that fuzzing begins behind
//! the magic numbers.
#![no_main]

use cumulet_vmm::boot::{self, BootInfo};
use cumulet_vmm::memory::Memory;
use cumulet_vmm_protocol::BootProtocol;
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, memfd_create};
use std::cell::OnceCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use vm_memory::GuestAddress;

const BYTES: u64 = 64 << 20;

thread_local! {
    static MEMORY: OnceCell<Memory> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    let Some((&[how, cmdline, initrd], image)) = input.split_first_chunk::<3>() else { return };
    let protocol = match how & 3 {
        0 => BootProtocol::Pvh,
        1 => BootProtocol::Linux64,
        _ => BootProtocol::Auto,
    };
    let (unchanged, kind) = (image.is_empty() && initrd == 0, how >> 2 & 3);
    let image = match kind {
        0 | 1 => image.to_vec(),
        2 => changed(elf(), image),
        _ => changed(bzimage(), image),
    };
    // From nothing to more than there is memory; holes cost nothing.
    let initrd = (initrd > 0).then(|| file(&[], u64::from(initrd - 1) << (how >> 4) << 8));
    let cmdline = "x".repeat(usize::from(cmdline) * 8);
    MEMORY.with(|memory| {
        let make = || Memory::from_ranges(&[(GuestAddress(0), BYTES as usize)]).expect("some memory");
        let memory = memory.get_or_init(make);
        let info = BootInfo { memory_bytes: BYTES, vcpus: 2, cmdline: &cmdline, protocol };
        let length = image.len() as u64;
        let entered = boot::load(memory, file(&image, length), initrd, &info);
        match (kind, protocol) {
            // A right image is entered by any protocol that it has.
            (3, BootProtocol::Pvh) => assert!(entered.is_err()),
            (2 | 3, _) if unchanged => drop(entered.expect("a right image")),
            _ => {}
        }
    });
});

fn file(content: &[u8], length: u64) -> File {
    let file = File::from(memfd_create("image", MemfdFlags::CLOEXEC).expect("a file in memory"));
    file.write_all_at(content, 0).expect("it fits");
    file.set_len(length.max(content.len() as u64)).expect("it grows");
    file
}

/// Puts bytes of `changes`, in groups of place and value, over an image.
fn changed(mut image: Vec<u8>, changes: &[u8]) -> Vec<u8> {
    for change in changes.chunks_exact(4) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % image.len();
        image[place] = change[2];
        if change[3] & 1 == 1 {
            image.truncate(place.max(4));
        }
    }
    image
}

/// A 64-bit ELF image with a segment at 16 MiB and a note of its PVH entry.
fn elf() -> Vec<u8> {
    let mut image = vec![0; 0x300];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[2, 0, 62, 0, 1, 0, 0, 0]);
    put(24, &0x100_0000u64.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &[64, 0, 56, 0, 2, 0]);
    let mut segment = |at: usize, kind: u32, offset: u64, address: u64, bytes: u64| {
        put(at, &kind.to_le_bytes());
        for (place, value) in [(8, offset), (16, address), (24, address), (32, bytes), (40, bytes), (48, 4)] {
            put(at + place, &value.to_le_bytes());
        }
    };
    segment(64, 1, 0x200, 0x100_0000, 0x100);
    segment(120, 4, 0x1c0, 0, 20);
    // `XEN_ELFNOTE_PHYS32_ENTRY`.
    for (at, word) in [(0x1c0, 4u32), (0x1c4, 4), (0x1c8, 18), (0x1cc, u32::from_le_bytes(*b"Xen\0")), (0x1d0, 0x100_0000)] {
        image[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    image
}

/// A bzImage of the 64-bit protocol with one sector of set-up.
fn bzimage() -> Vec<u8> {
    let mut image = vec![0; 0x800];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1f1, &[1]);
    put(0x1fe, &[0x55, 0xaa]);
    put(0x202, b"HdrS");
    put(0x206, &0x020fu16.to_le_bytes());
    put(0x211, &[1]);
    put(0x214, &0x10_0000u32.to_le_bytes());
    put(0x22c, &0x7fff_ffffu32.to_le_bytes());
    put(0x230, &0x20_0000u32.to_le_bytes());
    put(0x236, &3u16.to_le_bytes());
    put(0x238, &2047u32.to_le_bytes());
    put(0x258, &0x100_0000u64.to_le_bytes());
    put(0x260, &0x80_0000u32.to_le_bytes());
    image
}
