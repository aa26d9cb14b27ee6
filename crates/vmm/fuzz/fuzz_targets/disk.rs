//! Disks on images that were tampered with, and requests on them, many at a time. The input is a byte that says which
//! engine and which layers, a count of changes (place and value of a byte) to a small qcow2 image that lies on another
//! file or on none, and then requests of four bytes. That image lies under an overlay that is right, for the layer that
//! is written is never anybody else's. All requests are answered, and what lies beneath is never changed.
#![no_main]

use cumulet_vmm::config::Base;
use cumulet_vmm::devices::block::{self, Block, BlockConfig};
use cumulet_vmm::memory::Memory;
use cumulet_vmm::pci::{MsiMessage, MsiSink};
use cumulet_vmm::source::Given;
use cumulet_vmm::virtio::{Activation, F_COMMON, Interrupt, VirtioDevice};
use cumulet_vmm_protocol::{Disk, DiskEngine, DiskFormat, Layer, Source};
use imago::FormatCreateBuilder;
use imago::qcow2::Qcow2;
use libfuzzer_sys::fuzz_target;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress};

const MEMORY: usize = 1 << 20;
const RINGS: u64 = 0x1000;
const SIZE: u16 = 64;
const HEADERS: u64 = 0x8000;
const STATUSES: u64 = 0x9000;
const DATA: u64 = 0x1_0000;
/// Where a discard's segment and a short request's data lie for each request.
const STEP: u64 = 0x3000;
const DISK: u64 = 256 << 10;
/// Requests offered at once: each takes three descriptors.
const AT_ONCE: usize = 20;

#[derive(Debug)]
struct Nobody;

impl MsiSink for Nobody {
    fn send(&self, _message: MsiMessage) {}
}

/// Files that are only read: the image without changes, with a backing file and without, and what lies beneath.
struct Originals {
    dir: TempDir,
    alone: Vec<u8>,
    layered: Vec<u8>,
    overlay: Vec<u8>,
    base: Vec<u8>,
}

fn originals() -> &'static Originals {
    static ORIGINALS: OnceLock<Originals> = OnceLock::new();
    ORIGINALS.get_or_init(|| {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        let base = vec![0x5a; DISK as usize];
        fs::write(dir.path().join("base"), &base).expect("it is written");
        let written: Vec<u8> = (0..12).flat_map(|at| [1, at * 20, 3, 0]).chain([4, 0, 0, 0]).collect();
        let alone = image(dir.path(), &[], &written);
        let layered = image(dir.path(), &[(DiskFormat::Raw, dir.path().join("base"))], &written);
        let overlay = image(dir.path(), &[(DiskFormat::Raw, dir.path().join("base"))], &[]);
        Originals { dir, alone, layered, overlay, base }
    })
}

/// A little image of which most are tables, after some requests.
fn image(dir: &Path, beneath: &[(DiskFormat, PathBuf)], work: &[u8]) -> Vec<u8> {
    let path = dir.join("image");
    let file =
        File::options().read(true).write(true).create(true).truncate(true).open(&path).expect("a file");
    let storage = imago::file::File::try_from(file).expect("a file");
    let builder = Qcow2::<imago::file::File>::create_builder(storage).cluster_size(512).size(DISK);
    let builder = if beneath.is_empty() { builder } else { builder.backing("base".into(), "raw".into()) };
    builder.create().expect("it is made");
    let device = open(&path, beneath, None).expect("a right image");
    let memory = Memory::from_ranges(&[(GuestAddress(0), MEMORY)]).expect("a little memory");
    activate(&device, &memory);
    requests(&device, &memory, work);
    device.close().expect("it is written out");
    fs::read(path).expect("it is read")
}

fuzz_target!(|input: &[u8]| {
    let Some((&[flags, changes], rest)) = input.split_first_chunk::<2>() else { return };
    let (changes, work) = rest.split_at(rest.len().min(3 * usize::from(changes % 16)));
    let originals = originals();
    let layered = flags & 1 != 0;
    let mut content = if layered { originals.layered.clone() } else { originals.alone.clone() };
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % content.len();
        content[at] = change[2];
    }
    let place = |name: &str| originals.dir.path().join(name);
    fs::write(place("disk"), &content).expect("it is written");
    fs::write(place("overlay"), &originals.overlay).expect("it is written");
    let mut beneath = vec![(DiskFormat::Qcow2, place("disk"))];
    beneath.extend(layered.then(|| (DiskFormat::Raw, place("base"))));
    let engine = if flags & 2 != 0 { None } else { Some(DiskEngine::Synchronous) };
    let Some(device) = open(&place("overlay"), &beneath, engine) else { return };
    let memory = Memory::from_ranges(&[(GuestAddress(0), MEMORY)]).expect("a little memory");
    activate(&device, &memory);
    requests(&device, &memory, work);
    let _ = device.close();
    assert!(fs::read(place("base")).expect("it is there") == originals.base, "what lies beneath was changed");
    assert!(fs::read(place("disk")).expect("it is there") == content, "what lies beneath was changed");
});

fn open(path: &Path, beneath: &[(DiskFormat, PathBuf)], engine: Option<DiskEngine>) -> Option<Block> {
    let source = |path: &Path| Source::Path(path.to_string_lossy().into_owned());
    let layer = Layer { format: DiskFormat::Qcow2, source: source(path) };
    let layers = beneath.iter();
    let backing = layers.map(|(format, path)| Layer { format: *format, source: source(path) }).collect();
    let (id, serial) = ("vol-1".to_owned(), "vol1".to_owned());
    let disk = Disk { id, serial, read_only: false, layer, backing, limits: Default::default(), engine };
    let config = BlockConfig::check("disk", &disk, Base::inherited(Path::new("/"))).expect("a right disk");
    let image = block::open(&config.layers, false, &mut Given::Inherited).ok()?;
    Some(Block::new(config, image, 1).expect("a descriptor"))
}

/// Offers requests, as many as there is room for at once, and waits for all of them.
fn requests(device: &Block, memory: &Memory, work: &[u8]) {
    let put = |at: u64, bytes: &[u8]| memory.write_slice(bytes, GuestAddress(at)).expect("it fits");
    let mut offered = 0u16;
    for some in work[..work.len().min(4 * 200)].chunks(4 * AT_ONCE) {
        for (slot, request) in (0u64..).zip(some.chunks_exact(4)) {
            let (kind, sector, count) =
                (u32::from(request[0] % 16), u64::from(request[1]) * 2, request[2] % 24);
            put(HEADERS + slot * 16, &kind.to_le_bytes());
            put(HEADERS + slot * 16 + 8, &sector.to_le_bytes());
            put(STATUSES + slot, &[0xaa]);
            let data = DATA + slot * STEP;
            let length = match kind {
                11 | 13 => {
                    put(data, &sector.to_le_bytes());
                    put(data + 8, &u32::from(count).to_le_bytes());
                    put(data + 12, &u32::from(request[3] & 1).to_le_bytes());
                    16
                }
                4 => 0,
                _ => u32::from(count) * 512,
            };
            let first = slot as u16 * 3;
            let flags = if kind == 0 || kind == 8 { 3 } else { 1 };
            describe(memory, first, HEADERS + slot * 16, 16, 1, first + 1);
            describe(memory, first + 1, data, length, flags, first + 2);
            describe(memory, first + 2, STATUSES + slot, 1, 2, 0);
            put(RINGS + 0x804 + 2 * u64::from(offered % SIZE), &first.to_le_bytes());
            offered = offered.wrapping_add(1);
        }
        put(RINGS + 0x802, &offered.to_le_bytes());
        device.serve();
        device.serve();
        device.land_all();
        let used: u16 = memory.read_obj(GuestAddress(RINGS + 0xc02)).expect("it is there");
        assert_eq!(used, offered, "all are answered");
    }
}

fn describe(memory: &Memory, index: u16, address: u64, length: u32, flags: u16, next: u16) {
    let at = RINGS + u64::from(index) * 16;
    let rest = u64::from(length) | u64::from(flags) << 32 | u64::from(next) << 48;
    memory.write_obj(address.to_le(), GuestAddress(at)).expect("it fits");
    memory.write_obj(rest.to_le(), GuestAddress(at + 8)).expect("it fits");
}

fn activate(device: &dyn VirtioDevice, memory: &Memory) {
    let mut queue = Queue::new(SIZE).expect("a power of two");
    queue.try_set_desc_table_address(GuestAddress(RINGS)).expect("aligned");
    queue.try_set_avail_ring_address(GuestAddress(RINGS + 0x800)).expect("aligned");
    queue.try_set_used_ring_address(GuestAddress(RINGS + 0xc00)).expect("aligned");
    queue.set_ready(true);
    device.activate(Activation {
        memory: memory.clone(),
        queues: vec![Some(queue)],
        features: F_COMMON,
        interrupt: Arc::new(Interrupt::new(1, Arc::new(Nobody))),
    });
}
