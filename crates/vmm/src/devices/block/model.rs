//! Random requests, many at a time and on top of each other, on raw and layered disks, against a model of what the disk
//! may hold afterwards: of requests that are under way together any may be the last.

use super::tests::engines;
use super::*;
use crate::source::Given;
use crate::virtio::testing::*;
use cumulet_vmm_protocol::{DiskEngine, DiskFormat, Source};
use imago::FormatCreateBuilder;
use imago::qcow2::Qcow2;
use proptest::prelude::*;
use std::path::Path;
use tempfile::TempDir;
use vm_memory::{Bytes, GuestAddress};

const SECTORS: u64 = 1024;
/// Requests are spread over them.
const QUEUES: usize = 2;
/// Most under way together.
const MOST: usize = QUEUES * SIZE as usize;
/// Most sectors of a request.
const LONGEST: u64 = 48;
/// The small parts of requests: table, header, status, segment.
const SMALL: u64 = DATA;
const SMALL_STEP: u64 = 0x200;
const LARGE: u64 = 0x2_0000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Read,
    Write,
    Flush,
    Discard,
    Zero,
}

impl What {
    fn kind(self) -> u32 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::Flush => 4,
            Self::Discard => 11,
            Self::Zero => 13,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Request {
    what: What,
    sector: u64,
    count: u64,
}

impl Request {
    fn covers(&self, sector: u64) -> bool {
        self.what != What::Flush && (self.sector..self.sector + self.count).contains(&sector)
    }
}

/// What lies under the disk, from the lowest layer up; cluster sizes.
#[derive(Debug, Clone)]
struct Layers {
    overlays: Vec<usize>,
    base: DiskFormat,
}

struct Bench {
    block: Option<Block>,
    config: BlockConfig,
    guest: Guest,
    /// What each sector is full of.
    model: Vec<u32>,
    next: u32,
    offered: [u16; QUEUES],
    _dir: TempDir,
}

fn file(path: &Path) -> std::fs::File {
    std::fs::File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap()
}

fn qcow2(path: &Path, cluster: usize, on_another: bool) {
    let storage = imago::file::File::try_from(file(path)).unwrap();
    let builder = Qcow2::<imago::file::File>::create_builder(storage).cluster_size(cluster);
    let builder = if on_another { builder.backing("x".into(), "raw".into()) } else { builder };
    builder.size(SECTORS * SECTOR).create().unwrap();
}

fn config(engine: DiskEngine, layers: Vec<LayerConfig>) -> BlockConfig {
    let limits = Default::default();
    BlockConfig {
        id: "vol-1".into(),
        serial: [b'x'; 20],
        read_only: false,
        limits,
        engine: Some(engine),
        layers,
    }
}

fn layer(format: DiskFormat, path: &Path) -> LayerConfig {
    LayerConfig { format, source: Source::Path(path.to_string_lossy().into_owned()) }
}

fn open_disk(config: &BlockConfig) -> Block {
    let image = open(&config.layers, false, &mut Given::Inherited).unwrap();
    Block::new(config.clone(), image, QUEUES).unwrap()
}

impl Bench {
    /// Each layer beneath the uppermost holds something of its own.
    fn new(engine: DiskEngine, layers: &Layers, filling: &[Request]) -> Self {
        let dir = TempDir::new().unwrap();
        let base = dir.path().join("base");
        match layers.base {
            DiskFormat::Raw => file(&base).set_len(SECTORS * SECTOR).unwrap(),
            DiskFormat::Qcow2 => qcow2(&base, 4096, false),
        }
        let mut config = config(engine, vec![layer(layers.base, &base)]);
        let guest = Guest::new(QUEUES);
        let block = Some(open_disk(&config));
        let mut bench = Self {
            block,
            config: config.clone(),
            guest,
            model: vec![0; SECTORS as usize],
            next: 0,
            offered: [0; QUEUES],
            _dir: dir,
        };
        bench.activate();
        for (index, cluster) in layers.overlays.iter().enumerate() {
            filling.chunks(MOST).for_each(|some| bench.run(some));
            bench.stop();
            let path = bench._dir.path().join(format!("overlay{index}"));
            qcow2(&path, *cluster, true);
            config.layers.insert(0, layer(DiskFormat::Qcow2, &path));
            bench.config = config.clone();
            bench.start();
        }
        bench
    }

    /// As if the process were killed: nothing is written out, and nothing is let go of.
    fn stop(&mut self) {
        self.run(&[Request { what: What::Flush, sector: 0, count: 0 }]);
        std::mem::forget(self.block.take());
    }

    fn start(&mut self) {
        self.block = Some(open_disk(&self.config));
        self.guest = Guest::new(QUEUES);
        self.offered = [0; QUEUES];
        self.activate();
    }

    fn activate(&self) {
        self.block.as_ref().unwrap().activate(self.guest.activation(crate::virtio::F_COMMON));
    }

    fn describe(&mut self, slot: u64, request: &Request) {
        let memory = &self.guest.memory;
        let (small, large) = (SMALL + slot * SMALL_STEP, LARGE + slot * LONGEST * SECTOR);
        memory.write_obj(request.what.kind(), GuestAddress(small + 0x80)).unwrap();
        memory.write_obj(request.sector, GuestAddress(small + 0x88)).unwrap();
        memory.write_obj(0xaau8, GuestAddress(small + 0x90)).unwrap();
        let mut chain = vec![(small + 0x80, 16, 0)];
        let length = request.count * SECTOR;
        match request.what {
            What::Read | What::Write => {
                self.next += 1;
                let filling: Vec<u8> = (0..length / 4)
                    .flat_map(|_| {
                        if request.what == What::Write { self.next } else { u32::MAX }.to_le_bytes()
                    })
                    .collect();
                memory.write_slice(&filling, GuestAddress(large)).unwrap();
                let cut = (length / 3).next_multiple_of(4);
                let flags = if request.what == What::Read { 2 } else { 0 };
                chain.extend([(large, cut, flags), (large + cut, length - cut, flags)]);
            }
            What::Discard | What::Zero => {
                memory.write_obj(request.sector, GuestAddress(small + 0xa0)).unwrap();
                memory.write_obj(request.count, GuestAddress(small + 0xa8)).unwrap();
                chain.push((small + 0xa0, 16, 0));
            }
            What::Flush => {}
        }
        chain.push((small + 0x90, 1, 2));
        let last = chain.len() - 1;
        for (index, (address, length, flags)) in chain.into_iter().enumerate() {
            let flags = flags | u16::from(index < last);
            let descriptor = Desc { address, length: length as u32, flags, next: index as u16 + 1 };
            self.guest.describe_at(GuestAddress(small + index as u64 * 16), &descriptor);
        }
    }

    /// Offers all at once, and looks at the outcome.
    fn run(&mut self, requests: &[Request]) {
        let first = self.next;
        let mut tags = Vec::new();
        for (slot, request) in requests.iter().enumerate() {
            self.describe(slot as u64, request);
            tags.push(self.next);
        }
        assert!(self.next < u32::MAX && first <= self.next);
        let table = |slot: usize| {
            let address = SMALL + slot as u64 * SMALL_STEP;
            Desc { address, length: 5 * 16, flags: 4, next: 0 }
        };
        for queue in 0..QUEUES {
            let tables: Vec<_> = (queue..requests.len()).step_by(QUEUES).map(table).collect();
            self.guest.describe(queue, &tables);
            // The ring goes on where it stood.
            let mut heads = vec![0; SIZE.into()];
            for slot in 0..tables.len() as u16 {
                heads[usize::from((self.offered[queue] + slot) % SIZE)] = slot;
            }
            self.offered[queue] += tables.len() as u16;
            self.guest.offer(queue, &heads, self.offered[queue]);
        }
        let block = self.block.as_ref().unwrap();
        if first.is_multiple_of(2) {
            block.lock().open.as_mut().unwrap().hold_back();
        }
        block.serve();
        block.land_all();
        block.serve();
        for queue in 0..QUEUES {
            assert_eq!(self.guest.used(queue).len(), usize::from(self.offered[queue]));
        }
        self.check(requests, &tags);
    }

    fn check(&mut self, requests: &[Request], tags: &[u32]) {
        for (slot, request) in requests.iter().enumerate() {
            let status = self.guest.bytes(SMALL + slot as u64 * SMALL_STEP + 0x90, 1)[0];
            assert_eq!(status, 0, "{request:?}");
        }
        // Reads see what was there or any of what came meanwhile.
        let may_be = |model: &[u32], sector: u64, after: bool| {
            let mut values = Vec::new();
            let others = || requests.iter().zip(tags).filter(|(request, _)| request.covers(sector));
            let sure = others().any(|(request, _)| matches!(request.what, What::Write | What::Zero));
            if !after || !sure {
                values.push(model[sector as usize]);
            }
            for (request, tag) in others() {
                match request.what {
                    What::Write => values.push(*tag),
                    What::Zero | What::Discard => values.push(0),
                    _ => {}
                }
            }
            values
        };
        for (slot, request) in requests.iter().enumerate().filter(|(_, request)| request.what == What::Read) {
            let data =
                self.guest.bytes(LARGE + slot as u64 * LONGEST * SECTOR, (request.count * SECTOR) as usize);
            for (index, word) in data.chunks_exact(4).enumerate() {
                let sector = request.sector + index as u64 / (SECTOR / 4);
                let word = u32::from_le_bytes(word.try_into().unwrap());
                let allowed = may_be(&self.model, sector, false);
                assert!(allowed.contains(&word), "sector {sector} reads {word}, not one of {allowed:?}");
            }
        }
        let content = self.content();
        let before = self.model.clone();
        for (sector, data) in (0..SECTORS).zip(content.chunks_exact(SECTOR as usize)) {
            let word = u32::from_le_bytes(data[..4].try_into().unwrap());
            assert!(data.chunks_exact(4).all(|other| other == word.to_le_bytes()), "sector {sector} is torn");
            let allowed = may_be(&before, sector, true);
            assert!(allowed.contains(&word), "sector {sector} holds {word}, not one of {allowed:?}");
            self.model[sector as usize] = word;
        }
    }

    /// All of the disk.
    fn content(&self) -> Vec<u8> {
        let mut content = vec![0; (SECTORS * SECTOR) as usize];
        let mut work = self.block.as_ref().unwrap().lock();
        work.open.as_mut().unwrap().image().read(&mut content[..], 0).unwrap();
        content
    }
}

fn request() -> impl Strategy<Value = Request> {
    let what = prop_oneof![
        5 => Just(What::Read), 6 => Just(What::Write), 1 => Just(What::Flush),
        1 => Just(What::Discard), 1 => Just(What::Zero),
    ];
    // Often whole clusters, and often the same ones.
    let place = prop_oneof![
        (0..SECTORS - LONGEST, 1..=LONGEST),
        (0u64..16, 1u64..=6).prop_map(|(cluster, count)| (cluster * 8, count * 8)),
    ];
    (what, place).prop_map(|(what, (sector, count))| Request { what, sector, count })
}

fn layers() -> impl Strategy<Value = Layers> {
    let cluster = prop::sample::select(vec![512usize, 4096, 65536]);
    let base = prop_oneof![Just(DiskFormat::Raw), Just(DiskFormat::Qcow2)];
    (prop::collection::vec(cluster, 0..4), base).prop_map(|(overlays, base)| Layers { overlays, base })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Each engine keeps every disk as the model says, also once the process is gone after a flush.
    #[test]
    fn a_disk_holds_what_was_written(
        layers in layers(),
        filling in prop::collection::vec(request(), 0..8),
        rounds in prop::collection::vec(prop::collection::vec(request(), 1..=MOST), 1..12),
        engine in prop::sample::select(engines()),
    ) {
        let mut bench = Bench::new(engine, &layers, &filling);
        for round in &rounds {
            bench.run(round);
        }
        bench.stop();
        bench.start();
        let read = Request { what: What::Read, sector: 0, count: LONGEST };
        bench.run(&[read]);
    }
}
