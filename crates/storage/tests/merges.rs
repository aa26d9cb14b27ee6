//! Merged layers: a volume reads the same before and after, wherever it is cut off, and so does whatever shares its layers.

mod common;

use std::fs;
use std::path::Path;

use common::*;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Gib, VolumeId};
use cumulet_ports::storage::{DiskFormat, Storage};
use cumulet_storage::HostStorage;
use proptest::prelude::*;

/// As long as a cluster of an overlay.
const CLUSTER: u64 = 64 << 10;
/// The part of a disk that is looked at.
const CLUSTERS: u64 = 24;

/// One thing that a machine does to its disk, or what is done to the disk.
#[derive(Debug, Clone, Copy)]
enum Step {
    Write { at: u64, length: u64 },
    Zero { at: u64, length: u64 },
    Discard { at: u64, length: u64 },
    Freeze,
    Merge,
    Adopt,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = (0..CLUSTERS * 8, 1u64..24).prop_map(|(at, length)| (at * 8192, length * 8192));
    let place = prop_oneof![place, (0..CLUSTERS, 1u64..4).prop_map(|(at, n)| (at * CLUSTER, n * CLUSTER))];
    let place = place.prop_map(|(at, length)| (at, length.min(CLUSTERS * CLUSTER - at)));
    let step = prop_oneof![
        4 => place.clone().prop_map(|(at, length)| Step::Write { at, length }),
        1 => place.clone().prop_map(|(at, length)| Step::Zero { at, length }),
        1 => place.prop_map(|(at, length)| Step::Discard { at, length }),
        4 => Just(Step::Freeze),
        1 => Just(Step::Merge),
        1 => Just(Step::Adopt),
    ];
    prop::collection::vec(step, 1..60)
}

struct Bench {
    _dir: tempfile::TempDir,
    storage: HostStorage,
    trunk: VolumeId,
    model: Vec<u8>,
    /// What branched off, with what it has to read.
    branches: Vec<(VolumeId, Vec<u8>)>,
    /// The number of the layer that was put on top last.
    below: Option<u32>,
    next: u8,
}

impl Bench {
    async fn new(source: impl AsyncFnOnce(&HostStorage, &Path) -> VolumeSource) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage_at(&dir.path().join("state"));
        let trunk = volume();
        let source = source(&storage, dir.path()).await;
        storage.create_volume(&trunk, &source, Gib(1)).await.unwrap();
        let mut bench =
            Self { _dir: dir, storage, trunk, model: Vec::new(), branches: Vec::new(), below: None, next: 0 };
        bench.model = bench.content(&bench.trunk).await;
        bench
    }

    async fn content(&self, id: &VolumeId) -> Vec<u8> {
        let disk = open_chain(&self.storage.volume_chain(id).await.unwrap(), false);
        read(&disk, 0, (CLUSTERS * CLUSTER) as usize)
    }

    async fn step(&mut self, step: Step) {
        let storage = &self.storage;
        match step {
            Step::Write { at, length } => {
                self.next = self.next % 250 + 1;
                let data = vec![self.next; length as usize];
                let disk = open_chain(&storage.volume_chain(&self.trunk).await.unwrap(), true);
                disk.write(&data[..], at).unwrap();
                disk.flush().unwrap();
                self.model[at as usize..(at + length) as usize].copy_from_slice(&data);
            }
            Step::Zero { at, length } | Step::Discard { at, length } => {
                let mut disk = open_chain(&storage.volume_chain(&self.trunk).await.unwrap(), true);
                match step {
                    Step::Zero { .. } => disk.write_zeroes(at, length).unwrap(),
                    _ => disk.discard_to_zero(at, length).unwrap(),
                }
                disk.flush().unwrap();
                self.model[at as usize..(at + length) as usize].fill(0);
            }
            Step::Freeze => {
                if storage.volume_chain(&self.trunk).await.unwrap().layers.len() > 30 {
                    self.merge().await;
                    return;
                }
                let below = storage.branch_volume(&self.trunk, Gib(1)).await.unwrap();
                let branch = volume();
                let source = VolumeSource::Branch { volume: self.trunk.clone(), below };
                storage.create_volume(&branch, &source, Gib(1)).await.unwrap();
                self.branches.push((branch, self.model.clone()));
                self.below = Some(below);
            }
            Step::Merge => drop(storage.merge_layers(&self.trunk, self.below).await.unwrap()),
            Step::Adopt => storage.adopt_layers(&self.trunk).await.unwrap(),
        }
    }

    async fn merge(&mut self) {
        self.storage.merge_layers(&self.trunk, None).await.unwrap();
        self.storage.adopt_layers(&self.trunk).await.unwrap();
    }

    async fn check(&self) {
        assert!(self.content(&self.trunk).await == self.model, "the volume reads otherwise");
        for (branch, model) in &self.branches {
            assert!(self.content(branch).await == *model, "a branch reads otherwise");
        }
    }
}

async fn runs_as_the_model_says(steps: Vec<Step>) {
    let mut bench = Bench::new(async |storage, dir| {
        let source = dir.join("source.img");
        marked_disk(&source);
        let image = machine_image();
        storage.import_image(&image, &source).await.unwrap();
        VolumeSource::Image(image)
    })
    .await;
    for step in steps {
        bench.step(step).await;
        if !matches!(step, Step::Write { .. }) {
            assert!(bench.content(&bench.trunk).await == bench.model, "after {step:?}");
        }
    }
    bench.check().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_volume_and_its_branches_read_what_was_written(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(runs_as_the_model_says(steps));
    }
}

#[tokio::test]
async fn a_volume_that_is_merged_is_frozen_for_ever_and_stays_small() {
    let mut bench = Bench::new(async |_, _| VolumeSource::Blank).await;
    let place = bench._dir.path().join("state/volumes").join(bench.trunk.as_str());
    for round in 0..200u64 {
        bench.step(Step::Write { at: round % CLUSTERS * CLUSTER, length: CLUSTER }).await;
        let below = bench.storage.branch_volume(&bench.trunk, Gib(1)).await.unwrap();
        assert_eq!(u64::from(below), round + 1, "numbers go up");
        if bench.storage.volume_chain(&bench.trunk).await.unwrap().layers.len() > 8 {
            bench.merge().await;
        }
    }
    bench.merge().await;
    bench.check().await;
    let layers = bench.storage.volume_chain(&bench.trunk).await.unwrap().layers;
    assert!(layers.len() <= 8, "{layers:?}");
    assert_eq!(names(&place).len(), layers.len(), "what was merged is gone: {:?}", names(&place));
    // A tool that follows the names finds the same and nothing wrong.
    let top = layers[0].path.to_str().unwrap();
    let flat = bench._dir.path().join("flat");
    if let Err(reason) = run("qemu-img", &["--version"]) {
        return skip("what qemu-img finds in merged layers", &reason);
    }
    run("qemu-img", &["convert", "-O", "raw", top, flat.to_str().unwrap()]).unwrap();
    assert!(fs::read(flat).unwrap()[..bench.model.len()] == bench.model);
    for layer in layers.iter().filter(|layer| layer.format == DiskFormat::Qcow2) {
        run("qemu-img", &["check", layer.path.to_str().unwrap()]).unwrap();
    }
}

/// Cut off between any two acts, with the files as they are then.
#[tokio::test]
async fn what_is_cut_off_is_done_again() {
    for cut in 0..4 {
        let mut bench = Bench::new(async |_, _| VolumeSource::Blank).await;
        let place = bench._dir.path().join("state/volumes").join(bench.trunk.as_str());
        for n in 0..4 {
            bench.step(Step::Write { at: n * CLUSTER, length: 2 * CLUSTER }).await;
            bench.step(Step::Freeze).await;
        }
        assert!(bench.storage.merge_layers(&bench.trunk, None).await.unwrap());
        assert!(names(&place).contains(&"merged-1-3.qcow2".to_owned()), "{:?}", names(&place));
        bench.check().await;
        if cut > 0 {
            fs::rename(place.join("merged-1-3.qcow2"), place.join("layer-3.qcow2")).unwrap();
        }
        if cut > 1 {
            fs::remove_file(place.join("layer-1.qcow2")).unwrap();
        }
        if cut > 2 {
            fs::remove_file(place.join("layer-2.qcow2")).unwrap();
        }
        bench.check().await;
        bench.merge().await;
        bench.check().await;
        bench.step(Step::Freeze).await;
        bench.check().await;
    }
}

#[tokio::test]
async fn what_was_merged_into_later_layers_is_not_shared_as_it_was() {
    let mut bench = Bench::new(async |_, _| VolumeSource::Blank).await;
    let mut marks = Vec::new();
    for n in 0..4 {
        bench.step(Step::Write { at: n * CLUSTER, length: CLUSTER }).await;
        marks.push(bench.storage.branch_volume(&bench.trunk, Gib(1)).await.unwrap());
    }
    bench.merge().await;
    for below in &marks[1..3] {
        let source = VolumeSource::Branch { volume: bench.trunk.clone(), below: *below };
        let error = bench.storage.create_volume(&volume(), &source, Gib(1)).await.unwrap_err();
        assert!(error.chain().contains("frozen"), "{}", error.chain());
    }
    let source = VolumeSource::Branch { volume: bench.trunk.clone(), below: marks[3] };
    let branch = volume();
    bench.storage.create_volume(&branch, &source, Gib(1)).await.unwrap();
    assert!(bench.content(&branch).await == bench.model);
    // A volume that is gone has nothing to merge.
    bench.storage.delete_volume(&bench.trunk).await.unwrap();
    assert!(!bench.storage.merge_layers(&bench.trunk, None).await.is_ok_and(|more| more));
    bench.storage.adopt_layers(&bench.trunk).await.unwrap();
}
