//! The part of the test guest's program that attacks its VMM: drivers of virtio devices that keep to no rule. What it
//! needs of the guest's kernel is sysfs, which gives a root user PCI configuration space and BARs, and pagemap, which
//! gives physical addresses.

use std::fs::{File, OpenOptions, read_dir, write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{Ordering, fence};

use super::Answer;

unsafe extern "C" {
    fn mmap(address: *mut u8, length: usize, protection: i32, flags: i32, descriptor: i32, offset: i64) -> *mut u8;
}

const BAR_SIZE: usize = 0x8000;
const PAGE: usize = 4096;
const NOTIFY: usize = 0x3000;
const QUEUE_SIZE: u16 = 64;
const AVAILABLE: usize = 0x800;
const USED: usize = 0xc00;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

/// A generator that gives the same numbers for the same seed (xorshift64).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Writes to every register of PCI configuration space, of every device, in every width.
pub fn configuration(mut numbers: Numbers) -> Answer {
    let mut writes = 0;
    for device in devices()? {
        let config = OpenOptions::new().read(true).write(true).open(device.join("config"))?;
        let mut before = [0; 256];
        config.read_exact_at(&mut before, 0)?;
        for round in 0..4 {
            for width in [1usize, 2, 4] {
                for offset in (0..256).step_by(width) {
                    let value = if round == 0 { u64::MAX } else { numbers.next() };
                    let _ = config.write_at(&value.to_le_bytes()[..width], offset);
                    let _ = config.read_at(&mut [0; 4][..width], offset);
                    writes += 1;
                }
            }
        }
        // So that the guest can go on with what it has.
        let _ = config.write_at(&before, 0);
    }
    Ok(format!("{writes} writes"))
}

/// Writes to every register of every virtio device, then to many in any order and width.
pub fn registers(mut numbers: Numbers) -> Answer {
    let mut writes = 0;
    for device in virtio_devices()? {
        let bar = Bar::of(&device)?;
        for width in [1, 2, 4, 8] {
            for offset in (0..BAR_SIZE).step_by(if width == 8 { 8 } else { 64 }) {
                bar.write(offset, width, numbers.next());
                bar.read(offset, width);
                writes += 1;
            }
        }
        for _ in 0..4000 {
            let offset = match numbers.below(4) {
                0 => numbers.below(BAR_SIZE as u64),
                1 => NOTIFY as u64 + numbers.below(64),
                _ => numbers.below(0x40),
            };
            let width = 1 << numbers.below(4);
            let value = match numbers.below(3) {
                0 => numbers.next(),
                1 => numbers.below(16),
                _ => u64::MAX,
            };
            bar.write(offset as usize & !(width - 1), width, value);
            writes += 1;
        }
        bar.reset();
    }
    Ok(format!("{writes} writes"))
}

/// Gives every queue of every virtio device what no driver gives.
pub fn queues(mut numbers: Numbers) -> Answer {
    let mut attacks = 0;
    for device in virtio_devices()? {
        let bar = Bar::of(&device)?;
        let ring = Pages::new()?;
        for queue in 0..bar.queues().min(4) {
            for attack in ATTACKS {
                bar.begin();
                if bar.read(0x14, 1) != 11 {
                    return Err(format!("{} does not take its own features", device.display()).into());
                }
                ring.clear();
                bar.set_up(queue, [ring.physical(0, 0), ring.physical(0, AVAILABLE), ring.physical(0, USED)]);
                bar.write(0x14, 1, 15);
                attack(&bar, queue, &ring, &mut numbers);
                bar.notify(queue);
                bar.read(0x14, 1);
                attacks += 1;
            }
        }
        bar.reset();
        if bar.read(0x14, 1) != 0 {
            return Err(format!("{} does not come back from a reset", device.display()).into());
        }
    }
    Ok(format!("{attacks} attacks"))
}

type Attack = fn(&Bar, u16, &Pages, &mut Numbers);

const ATTACKS: &[Attack] = &[
    // A chain that is its own end, and two that are each other's.
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), 16, NEXT, 0)], 1),
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), 16, NEXT, 1), (ring.physical(1, 64), 1, NEXT | WRITE, 0)], 1),
    // Addresses outside memory, at its end, and that wrap around.
    |_, _, ring, _| ring.offer(&[(1 << 60, 512, WRITE, 0)], 1),
    |_, _, ring, _| ring.offer(&[((128 << 20) - 8, 4096, WRITE, 0)], 1),
    |_, _, ring, _| ring.offer(&[(u64::MAX - 4, 64, NEXT, 1), (u64::MAX, 1, WRITE, 0)], 1),
    // Into the device's own registers, and the interrupt controllers'.
    |bar, _, ring, _| ring.offer(&[(bar.address, 4096, WRITE, 0)], 1),
    |_, _, ring, _| ring.offer(&[(0xfee0_0000, 4096, WRITE, 0)], 1),
    // Lengths of 4 GiB and of nothing.
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), u32::MAX, NEXT, 1), (ring.physical(2, 0), u32::MAX, WRITE, 0)], 1),
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), 0, NEXT, 1), (ring.physical(2, 0), 0, WRITE, 0)], 1),
    // The longest chain that there can be.
    |_, _, ring, _| {
        let chain: Vec<_> = (0..QUEUE_SIZE).map(|n| (ring.physical(1, 0), 4096, NEXT | WRITE, (n + 1) % QUEUE_SIZE)).collect();
        ring.offer(&chain, QUEUE_SIZE)
    },
    // A next descriptor, a chain's head and an index beyond the queue.
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), 16, NEXT, 60_000)], 1),
    |_, _, ring, _| {
        ring.offer(&[(ring.physical(1, 0), 16, 0, 0)], 1);
        ring.write16(0, AVAILABLE + 4, 60_000);
    },
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), 16, WRITE, 0)], u16::MAX),
    // Indirect tables: of themselves, of a length that fits nothing, of 4 GiB, nowhere, with a next.
    |_, _, ring, _| {
        ring.describe(1, 0, (ring.physical(1, 0), 64, INDIRECT, 0));
        ring.offer(&[(ring.physical(1, 0), 64, INDIRECT, 0)], 1);
    },
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), 17, INDIRECT, 0)], 1),
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), u32::MAX & !15, INDIRECT, 0)], 1),
    |_, _, ring, _| ring.offer(&[(1 << 50, 64, INDIRECT, 0)], 1),
    |_, _, ring, _| ring.offer(&[(ring.physical(1, 0), 64, INDIRECT | NEXT | WRITE, 0)], 1),
    // Enabled twice, moved while in use, and made of another size.
    |bar, queue, ring, _| {
        ring.offer(&[(ring.physical(1, 0), 512, WRITE, 0)], 1);
        for _ in 0..2 {
            bar.set_up(queue, [ring.physical(2, 0), ring.physical(2, AVAILABLE), ring.physical(2, USED)]);
            bar.notify(queue);
        }
        bar.write(0x18, 2, 3);
    },
    // Rings that lie nowhere, on each other, at odd addresses, in the device.
    |bar, queue, _, _| bar.begin_with(queue, [1 << 62, 1 << 61, 1 << 60]),
    |bar, queue, ring, _| bar.begin_with(queue, [ring.physical(0, 0); 3]),
    |bar, queue, ring, _| bar.begin_with(queue, [ring.physical(0, 1), ring.physical(0, 3), ring.physical(0, 5)]),
    |bar, queue, _, _| bar.begin_with(queue, [bar.address, bar.address + 0x800, bar.address + 0xc00]),
    // Reset in mid-flight, again and again, and started anew at once.
    |bar, queue, ring, _| {
        for _ in 0..20 {
            let chain: Vec<_> = (0..8).map(|n| (ring.physical(1, 0), 4096, if n < 7 { NEXT | WRITE } else { WRITE }, n + 1)).collect();
            ring.offer(&chain, 1);
            bar.notify(queue);
            bar.write(0x14, 1, 0);
            bar.begin();
            bar.set_up(queue, [ring.physical(0, 0), ring.physical(0, AVAILABLE), ring.physical(0, USED)]);
            bar.write(0x14, 1, 15);
            bar.notify(queue);
        }
    },
    // Anything.
    |bar, queue, ring, numbers| {
        for _ in 0..100 {
            for index in 0..QUEUE_SIZE {
                let address = if numbers.below(4) == 0 { numbers.next() } else { ring.physical(1, 0) + numbers.below(4096) };
                let (flags, next) = (numbers.below(8) as u16, numbers.below(80) as u16);
                ring.describe(0, usize::from(index), (address, numbers.next() as u32 >> numbers.below(32), flags, next));
                ring.write16(0, AVAILABLE + 4 + 2 * usize::from(index), numbers.below(70) as u16);
            }
            ring.write16(0, AVAILABLE + 2, numbers.next() as u16);
            bar.notify(queue);
        }
    },
];

fn devices() -> std::io::Result<Vec<PathBuf>> {
    let mut all: Vec<_> = read_dir("/sys/bus/pci/devices")?.flatten().map(|entry| entry.path()).collect();
    all.sort();
    Ok(all)
}

fn virtio_devices() -> std::io::Result<Vec<PathBuf>> {
    let is_virtio = |path: &PathBuf| std::fs::read_to_string(path.join("vendor")).is_ok_and(|it| it.trim() == "0x1af4");
    Ok(devices()?.into_iter().filter(is_virtio).collect())
}

/// A device's registers, taken from its driver.
struct Bar {
    base: *mut u8,
    /// Where it is in the guest's memory space.
    address: u64,
}

impl Bar {
    fn of(device: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        if let Some(name) = device.file_name().and_then(|name| name.to_str()) {
            let _ = write(device.join("driver/unbind"), name);
        }
        write(device.join("enable"), "1")?;
        let resources = std::fs::read_to_string(device.join("resource"))?;
        let address = resources.split_whitespace().next().unwrap_or_default().trim_start_matches("0x").to_owned();
        let file = OpenOptions::new().read(true).write(true).open(device.join("resource0"))?;
        let base = unsafe { mmap(std::ptr::null_mut(), BAR_SIZE, 3, 1, file.as_raw_fd(), 0) };
        if base as isize == -1 {
            return Err(format!("{}: its registers can't be mapped", device.display()).into());
        }
        Ok(Self { base, address: u64::from_str_radix(&address, 16)? })
    }

    fn write(&self, offset: usize, width: usize, value: u64) {
        assert!(offset + width <= BAR_SIZE && offset % width == 0);
        let place = unsafe { self.base.add(offset) };
        unsafe {
            match width {
                1 => place.write_volatile(value as u8),
                2 => place.cast::<u16>().write_volatile(value as u16),
                4 => place.cast::<u32>().write_volatile(value as u32),
                _ => place.cast::<u64>().write_volatile(value),
            }
        }
    }

    fn read(&self, offset: usize, width: usize) -> u64 {
        let place = unsafe { self.base.add(offset) };
        unsafe {
            match width {
                1 => place.read_volatile().into(),
                2 => place.cast::<u16>().read_volatile().into(),
                4 => place.cast::<u32>().read_volatile().into(),
                _ => place.cast::<u64>().read_volatile(),
            }
        }
    }

    fn reset(&self) {
        self.write(0x14, 1, 0);
    }

    fn queues(&self) -> u16 {
        self.read(0x12, 2) as u16
    }

    /// Up to the features, of which all that are offered are taken.
    fn begin(&self) {
        self.reset();
        self.write(0x14, 1, 3);
        for half in 0..2 {
            self.write(0, 4, half);
            let offered = self.read(4, 4);
            self.write(8, 4, half);
            self.write(12, 4, offered);
        }
        self.write(0x14, 1, 11);
    }

    fn set_up(&self, queue: u16, places: [u64; 3]) {
        self.write(0x16, 2, queue.into());
        self.write(0x18, 2, QUEUE_SIZE.into());
        for (offset, place) in [0x20, 0x28, 0x30].into_iter().zip(places) {
            self.write(offset, 4, place & 0xffff_ffff);
            self.write(offset + 4, 4, place >> 32);
        }
        self.write(0x1c, 2, 1);
    }

    /// With the rings elsewhere than the pages that are cleared for them.
    fn begin_with(&self, queue: u16, places: [u64; 3]) {
        self.begin();
        self.set_up(queue, places);
        self.write(0x14, 1, 15);
        self.notify(queue);
        self.notify(queue);
    }

    fn notify(&self, queue: u16) {
        fence(Ordering::SeqCst);
        self.write(NOTIFY + 4 * usize::from(queue), 2, queue.into());
    }
}

/// Three pages: rings, and two for what they describe.
struct Pages {
    base: *mut u8,
    frames: [u64; 3],
}

impl Pages {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        const PRIVATE_ANONYMOUS_LOCKED_POPULATED: i32 = 0x2 | 0x20 | 0x2000 | 0x8000;
        let base = unsafe { mmap(std::ptr::null_mut(), 3 * PAGE, 3, PRIVATE_ANONYMOUS_LOCKED_POPULATED, -1, 0) };
        if base as isize == -1 {
            return Err("no memory".into());
        }
        let pages = Self { base, frames: [0; 3] };
        pages.clear();
        let map = File::open("/proc/self/pagemap")?;
        let mut frames = [0; 3];
        for (index, frame) in frames.iter_mut().enumerate() {
            let mut entry = [0; 8];
            map.read_exact_at(&mut entry, ((base as usize + index * PAGE) / PAGE * 8) as u64)?;
            *frame = u64::from_le_bytes(entry) & ((1 << 55) - 1);
            if *frame == 0 {
                return Err("the kernel does not tell physical addresses".into());
            }
        }
        Ok(Self { base, frames })
    }

    fn physical(&self, page: usize, offset: usize) -> u64 {
        self.frames[page] * PAGE as u64 + offset as u64
    }

    fn clear(&self) {
        for offset in 0..3 * PAGE {
            unsafe { self.base.add(offset).write_volatile(0) };
        }
    }

    fn write16(&self, page: usize, offset: usize, value: u16) {
        unsafe { self.base.add(page * PAGE + offset).cast::<u16>().write_volatile(value) };
    }

    fn describe(&self, page: usize, index: usize, (address, length, flags, next): (u64, u32, u16, u16)) {
        unsafe {
            let place = self.base.add(page * PAGE + index * 16);
            place.cast::<u64>().write_volatile(address);
            place.add(8).cast::<u32>().write_volatile(length);
        }
        self.write16(page, index * 16 + 12, flags);
        self.write16(page, index * 16 + 14, next);
    }

    /// Puts the descriptors into the table and offers the chain that begins with the first, `index` times.
    fn offer(&self, descriptors: &[(u64, u32, u16, u16)], index: u16) {
        for (place, descriptor) in descriptors.iter().enumerate() {
            self.describe(0, place, *descriptor);
        }
        fence(Ordering::SeqCst);
        self.write16(0, AVAILABLE + 2, index);
    }
}
