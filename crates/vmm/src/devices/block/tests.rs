//! Requests as a driver sends them, and as no driver would.

use super::*;
use crate::source::Given;
use crate::virtio::testing::*;
use cumulet_vmm_protocol::{DiskEngine, DiskFormat, Operations, Source};
use proptest::prelude::*;
use std::os::unix::fs::FileExt;
use tempfile::NamedTempFile;
use vm_memory::{Bytes, GuestAddress};

const DISK: u64 = 64 * 1024;

/// Those that this host has.
pub(super) fn engines() -> Vec<DiskEngine> {
    let wake = EventFd::new(EFD_CLOEXEC).unwrap();
    match ring::Ring::new(&wake) {
        Ok(_) => vec![DiskEngine::Synchronous, DiskEngine::IoUring],
        Err(error) => {
            println!("SKIPPED io_uring: {error}");
            vec![DiskEngine::Synchronous]
        }
    }
}

struct Fixture {
    file: NamedTempFile,
    block: Block,
    guest: Guest,
}

fn fixtures(read_only: bool) -> impl Iterator<Item = Fixture> {
    engines().into_iter().map(move |engine| fixture(read_only, engine))
}

fn fixture(read_only: bool, engine: DiskEngine) -> Fixture {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(DISK).unwrap();
    let source = Source::Path(file.path().to_string_lossy().into_owned());
    let layers = vec![LayerConfig { format: DiskFormat::Raw, source }];
    let config = BlockConfig {
        id: "vol-1".into(),
        serial: *b"vol0123456789abcdef0",
        read_only,
        limits: Default::default(),
        engine: Some(engine),
        layers,
    };
    let image = open(&config.layers, read_only, &mut Given::Inherited).unwrap();
    let block = Block::new(config, image, 1).unwrap();
    let guest = Guest::new(1);
    block.activate(guest.activation(F_COMMON));
    Fixture { file, block, guest }
}

const HEADER: u64 = DATA;
const BUFFER: u64 = DATA + 0x1000;
const STATUS: u64 = DATA + 0x800;

impl Fixture {
    /// Makes so many requests to flush available.
    fn offer_flushes(&self, count: u16) {
        self.guest.memory.write_obj(0xaau8, GuestAddress(STATUS)).unwrap();
        self.guest.describe(
            0,
            &[
                Desc { address: HEADER, length: 16, flags: 1, next: 1 },
                Desc { address: STATUS, length: 1, flags: 2, next: 0 },
            ],
        );
        self.guest.memory.write_obj(4u64, GuestAddress(HEADER)).unwrap();
        self.guest.offer(0, &[0; SIZE as usize], count);
    }

    /// Sends one request with a data buffer of `length` bytes, and gives its status and the bytes said to be written.
    fn request(&self, kind: u32, sector: u64, length: u32, to_guest: bool) -> (u8, u32) {
        self.guest.memory.write_obj(kind, GuestAddress(HEADER)).unwrap();
        self.guest.memory.write_obj(sector, GuestAddress(HEADER + 8)).unwrap();
        self.guest.memory.write_obj(0xaau8, GuestAddress(STATUS)).unwrap();
        let write = if to_guest { 2 } else { 0 };
        let mut chain = vec![Desc { address: HEADER, length: 16, flags: 1, next: 1 }];
        if length > 0 {
            chain.push(Desc { address: BUFFER, length, flags: 1 | write, next: 2 });
        }
        chain.push(Desc { address: STATUS, length: 1, flags: 2, next: 0 });
        self.guest.describe(0, &chain);
        let before = self.guest.used(0).len();
        self.guest.offer(0, &[0; SIZE as usize], before as u16 + 1);
        self.block.serve();
        self.block.land_all();
        let used = self.guest.used(0);
        assert_eq!(used.len(), before + 1);
        (self.guest.bytes(STATUS, 1)[0], used[before].1)
    }
}

#[test]
fn reads_writes_and_identity_work() {
    for f in fixtures(false) {
        f.file.as_file().write_all_at(b"on the disk", 512).unwrap();
        assert_eq!(f.request(0, 1, 512, true), (0, 513));
        assert_eq!(f.guest.bytes(BUFFER, 11), b"on the disk");
        f.guest.memory.write_slice(b"from the guest", GuestAddress(BUFFER)).unwrap();
        assert_eq!(f.request(1, 2, 1024, false), (0, 1));
        assert_eq!(f.request(4, 0, 0, false), (0, 1));
        let mut bytes = [0; 14];
        f.file.as_file().read_exact_at(&mut bytes, 1024).unwrap();
        assert_eq!(&bytes, b"from the guest");
        assert_eq!(f.request(8, 0, 20, true), (0, 21));
        assert_eq!(f.guest.bytes(BUFFER, 20), b"vol0123456789abcdef0");
    }
}

#[test]
fn nonsense_is_an_error_of_that_request() {
    for f in fixtures(false) {
        for (kind, sector, length, to_guest) in [
            (0, DISK / 512, 512, true),
            (0, u64::MAX, 512, true),
            (0, u64::MAX / 512, 512, true),
            (0, 0, 511, true),
            (1, DISK / 512 - 1, 1024, false),
            (11, 0, 15, false),
            (13, 0, 0, false),
        ] {
            assert_eq!(
                f.request(kind, sector, length, to_guest),
                (1, 1),
                "{kind} at {sector}, {length} bytes"
            );
        }
        assert_eq!(f.request(99, 0, 0, false).0, 2);
        assert_eq!(f.block.metrics().errors, 8);
    }
}

#[test]
fn discard_and_zeroes_stay_on_the_disk() {
    for f in fixtures(false) {
        f.file.as_file().write_all_at(&[7; 4096], 4096).unwrap();
        let segment = |sector: u64, count: u32| {
            f.guest.memory.write_obj(sector, GuestAddress(BUFFER)).unwrap();
            f.guest.memory.write_obj(u64::from(count), GuestAddress(BUFFER + 8)).unwrap();
        };
        segment(8, 8);
        assert_eq!(f.request(13, 0, 16, false), (0, 1));
        let mut bytes = [1; 4096];
        f.file.as_file().read_exact_at(&mut bytes, 4096).unwrap();
        assert_eq!(bytes, [0; 4096]);
        assert_eq!(f.request(11, 0, 16, false), (0, 1));
        f.guest.memory.write_obj(2u32, GuestAddress(BUFFER + 12)).unwrap();
        assert_eq!(f.request(13, 0, 16, false), (2, 1), "an unknown flag");
        segment(DISK / 512 - 1, 2);
        assert_eq!(f.request(13, 0, 16, false), (1, 1));
        segment(0, u32::MAX);
        assert_eq!(f.request(11, 0, 16, false), (1, 1));
        assert_eq!(f.file.as_file().metadata().unwrap().len(), DISK);
    }
}

#[test]
fn a_read_only_disk_refuses_every_change() {
    for f in fixtures(true) {
        f.guest.memory.write_slice(b"x", GuestAddress(BUFFER)).unwrap();
        for kind in [1, 4, 11, 13] {
            assert_eq!(f.request(kind, 0, 512, false), (1, 1), "{kind}");
        }
        assert_eq!(f.request(0, 0, 512, true), (0, 513));
    }
}

#[test]
fn after_a_reset_no_queue_is_touched() {
    for f in fixtures(false) {
        f.block.reset();
        f.guest.describe(0, &[Desc { address: HEADER, length: 16, flags: 0, next: 0 }]);
        f.guest.offer(0, &[0], 1);
        f.block.serve();
        assert_eq!(f.guest.used(0), []);
    }
}

#[test]
fn limits_hold_requests_back_and_can_be_lifted() {
    for f in fixtures(false) {
        let operations = Some(Operations { per_second: 1, burst: 3 });
        f.block.set_limits(&Limits { bandwidth: None, operations });
        f.offer_flushes(10);
        let next = f.block.serve();
        f.block.land_all();
        assert!((3..10).contains(&f.guest.used(0).len()), "{:?}", f.guest.used(0));
        assert!(matches!(next, Next::WaitFor(wait) if wait <= Duration::from_secs(1)), "{next:?}");
        f.block.reset();
        f.block.activate(f.guest.activation(F_COMMON));
        assert!(matches!(f.block.serve(), Next::WaitFor(_)), "a reset gives nothing away");
        f.block.set_limits(&Limits::default());
        assert_eq!(f.block.serve(), Next::Wait);
        f.block.land_all();
        assert!(f.guest.used(0).len() >= 10);
    }
}

#[test]
fn disks_share_what_they_may_do_together() {
    let operations =
        |per_second, burst| Limits { bandwidth: None, operations: Some(Operations { per_second, burst }) };
    let together = Together::new(&[operations(1000, 1000), operations(1, 5)]);
    let mut disks: Vec<_> = fixtures(false).chain(fixtures(false)).collect();
    for f in &mut disks {
        f.block.together = together.clone();
        f.offer_flushes(10);
        f.block.serve();
        f.block.land_all();
    }
    let done: usize = disks.iter().map(|f| f.guest.used(0).len()).sum();
    assert!((5..10).contains(&done), "{done} of all");
    let last = disks.last().unwrap();
    assert!(matches!(last.block.serve(), Next::WaitFor(wait) if wait <= Duration::from_secs(1)));
    // One that is taken away by force holds nothing up.
    last.block.sever();
    assert_eq!(last.block.serve(), Next::Wait);
    last.block.land_all();
    assert!(last.guest.used(0).len() >= 10);
}

#[test]
fn a_disk_grows_and_says_so() {
    for f in fixtures(false) {
        assert_eq!(f.request(1, DISK / 512, 512, false), (1, 1));
        f.block.resize(2 * DISK).unwrap();
        assert_eq!(f.request(1, DISK / 512, 512, false), (0, 1));
        let mut capacity = [0; 8];
        f.block.read_config(0, &mut capacity);
        assert_eq!(u64::from_le_bytes(capacity), 2 * DISK / 512);
        assert_eq!(f.file.as_file().metadata().unwrap().len(), 2 * DISK);
        assert!(matches!(f.block.resize(DISK), Err(ResizeError::Shrinks { .. })));
        assert!(matches!(f.block.resize(2 * DISK + 1), Err(ResizeError::Unaligned(_))));
        f.block.resize(2 * DISK).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the rings hold, the device comes back, writes to the disk's own range alone, and uses no chain twice.
    #[test]
    fn no_ring_brings_the_device_down(
        table in hostile_table(), (heads, index) in hostile_offer(),
        headers in prop::collection::vec((0u32..15, prop_oneof![0u64..200, any::<u64>()]), 1..20),
        engine in prop::sample::select(engines()),
    ) {
        let f = fixture(false, engine);
        for (slot, (kind, sector)) in headers.iter().enumerate() {
            let at = DATA + slot as u64 * 4096;
            f.guest.memory.write_obj(*kind, GuestAddress(at)).unwrap();
            f.guest.memory.write_obj(*sector, GuestAddress(at + 8)).unwrap();
        }
        f.guest.describe(0, &table);
        f.guest.offer(0, &heads, index);
        f.block.serve();
        f.block.serve();
        f.block.land_all();
        prop_assert_eq!(f.file.as_file().metadata().unwrap().len(), DISK);
    }
}
