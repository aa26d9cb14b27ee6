//! Branches: a frozen volume and what branched off it share what they had, and see nothing of each other's writes.

mod common;

use std::path::Path;

use common::*;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Gib, VolumeId};
use cumulet_ports::storage::Storage;
use cumulet_storage::HostStorage;

async fn write_to(storage: &HostStorage, id: &VolumeId, text: &'static str, at: u64) {
    let disk = open_chain(&storage.volume_chain(id).await.unwrap(), true);
    disk.write(text.as_bytes(), at).unwrap();
    disk.flush().unwrap();
}

async fn text_of(storage: &HostStorage, id: &VolumeId, at: u64) -> String {
    let disk = open_chain(&storage.volume_chain(id).await.unwrap(), false);
    String::from_utf8(read(&disk, at, 5)).unwrap()
}

/// A volume from an image is frozen twice; what branched off lives on when the volume and the image are gone.
async fn branches_live_their_own_lives(storage: &HostStorage, dir: &Path) {
    let source = dir.join("source.img");
    marked_disk(&source);
    let image = machine_image();
    storage.import_image(&image, &source).await.unwrap();
    let trunk = volume();
    storage.create_volume(&trunk, &VolumeSource::Image(image.clone()), Gib(2)).await.unwrap();
    write_to(storage, &trunk, "early", MIB).await;

    let mut branches = Vec::new();
    for round in ["first", "later"] {
        let below = storage.branch_volume(&trunk, Gib(2)).await.unwrap();
        let branch = volume();
        let source = VolumeSource::Branch { volume: trunk.clone(), below };
        storage.create_volume(&branch, &source, Gib(2)).await.unwrap();
        write_to(storage, &trunk, round, 2 * MIB).await;
        branches.push(branch);
    }
    write_to(storage, &branches[0], "other", MIB).await;

    assert_eq!(text_of(storage, &trunk, MIB).await, "early");
    assert_eq!(text_of(storage, &trunk, 2 * MIB).await, "later");
    storage.delete_volume(&trunk).await.unwrap();
    storage.delete_image(&image).await.unwrap();
    assert_eq!(text_of(storage, &branches[0], 0).await, "front", "the image's");
    assert_eq!(text_of(storage, &branches[0], MIB).await, "other", "its own");
    assert_eq!(text_of(storage, &branches[0], 2 * MIB).await, "\0\0\0\0\0", "written after it branched off");
    assert_eq!(text_of(storage, &branches[1], MIB).await, "early");
    assert_eq!(text_of(storage, &branches[1], 2 * MIB).await, "first");
}

#[tokio::test]
async fn branches_live_their_own_lives_here() {
    let dir = tempfile::tempdir().unwrap();
    branches_live_their_own_lives(&storage_at(&dir.path().join("state")), dir.path()).await;
}

#[tokio::test]
async fn branches_of_raw_clones_live_their_own_lives() {
    let mount = match Mount::xfs() {
        Ok(mount) => mount,
        Err(reason) => return skip("branches_of_raw_clones_live_their_own_lives", &reason),
    };
    branches_live_their_own_lives(&storage_at(&mount.path.join("state")), &mount.path).await;
}

#[tokio::test]
async fn a_layer_that_is_written_to_is_not_shared() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(dir.path());
    let trunk = volume();
    storage.create_volume(&trunk, &VolumeSource::Blank, Gib(1)).await.unwrap();
    for below in [0, 1, 2] {
        let source = VolumeSource::Branch { volume: trunk.clone(), below };
        let error = storage.create_volume(&volume(), &source, Gib(1)).await.unwrap_err();
        assert!(error.chain().contains("frozen"), "{}", error.chain());
    }
    assert_eq!(storage.branch_volume(&trunk, Gib(1)).await.unwrap(), 1);
    let source = VolumeSource::Branch { volume: trunk, below: 1 };
    storage.create_volume(&volume(), &source, Gib(1)).await.unwrap();
}

#[tokio::test]
async fn a_volume_is_not_branched_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(dir.path());
    let trunk = volume();
    storage.create_volume(&trunk, &VolumeSource::Blank, Gib(1)).await.unwrap();
    let mut branched = 0;
    let error = loop {
        match storage.branch_volume(&trunk, Gib(1)).await {
            Ok(_) => branched += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(branched, 31);
    assert!(error.chain().contains("32 layers"), "{}", error.chain());
    assert_eq!(storage.volume_chain(&trunk).await.unwrap().layers.len(), 32);
}
