//! Snapshots outlive what they were taken from; volumes grow; what no row knows is set aside and not lost.

mod common;

use common::*;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Gib, SnapshotId};
use cumulet_ports::storage::{Storage, Stored};

fn snapshot() -> SnapshotId {
    SnapshotId::random(&mut rand::rng())
}

#[tokio::test]
async fn a_snapshot_outlives_its_volume_and_what_is_made_from_it_outlives_the_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(dir.path());
    let (trunk, taken, restored) = (volume(), snapshot(), volume());
    storage.create_volume(&trunk, &VolumeSource::Blank, Gib(1)).await.unwrap();
    let write = async |text: &'static str| {
        let disk = open_chain(&storage.volume_chain(&trunk).await.unwrap(), true);
        disk.write(text.as_bytes(), MIB).unwrap();
        disk.flush().unwrap();
    };
    write("before").await;
    let below = storage.branch_volume(&trunk, Gib(1)).await.unwrap();
    storage.take_snapshot(&taken, &trunk, below).await.unwrap();
    storage.take_snapshot(&taken, &trunk, below).await.expect("the same again");
    write("behind").await;
    storage.delete_volume(&trunk).await.unwrap();
    storage.create_volume(&restored, &VolumeSource::Snapshot(taken.clone()), Gib(2)).await.unwrap();
    storage.delete_snapshot(&taken).await.unwrap();
    let disk = open_chain(&storage.volume_chain(&restored).await.unwrap(), false);
    assert_eq!(read(&disk, MIB, 6), b"before");
    assert_eq!(disk.size(), 2 * GIB);
    assert_eq!(read(&disk, 2 * GIB - 4, 4), [0; 4], "what a bigger volume has more reads as zeroes");
    let gone = storage.create_volume(&volume(), &VolumeSource::Snapshot(taken), Gib(1)).await.unwrap_err();
    assert!(gone.chain().contains("has no file"), "{}", gone.chain());
}

#[tokio::test]
async fn volumes_of_both_kinds_grow_and_keep_what_they_had() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let source = dir.path().join("source.img");
    marked_disk(&source);
    let image = machine_image();
    storage.import_image(&image, &source).await.unwrap();
    for source in [VolumeSource::Blank, VolumeSource::Image(image)] {
        let id = volume();
        storage.create_volume(&id, &source, Gib(1)).await.unwrap();
        let before = read(&open_chain(&storage.volume_chain(&id).await.unwrap(), false), 0, 5);
        for _ in 0..2 {
            storage.grow_volume(&id, Gib(600)).await.unwrap();
        }
        storage.grow_volume(&id, Gib(2)).await.expect("what is bigger stays so");
        let disk = open_chain(&storage.volume_chain(&id).await.unwrap(), true);
        assert_eq!(disk.size(), 600 * GIB);
        assert_eq!(read(&disk, 0, 5), before);
        disk.write(&b"rear"[..], 600 * GIB - 4).unwrap();
        disk.flush().unwrap();
        assert_eq!(read(&disk, 600 * GIB - 4, 4), b"rear");
    }
    assert!(storage.grow_volume(&volume(), Gib(1)).await.is_err());
}

#[tokio::test]
async fn what_is_set_aside_is_out_of_the_way_and_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(dir.path());
    let id = volume();
    for _ in 0..2 {
        storage.create_volume(&id, &VolumeSource::Blank, Gib(1)).await.unwrap();
        storage.set_aside(&Stored::Volume(id.clone())).await.unwrap();
    }
    storage.set_aside(&Stored::Volume(id.clone())).await.expect("nothing there");
    assert!(storage.inventory().await.unwrap().volumes.is_empty());
    assert_eq!(names(&dir.path().join("quarantine")), [id.to_string(), format!("{id}.1")]);
}

#[tokio::test]
async fn an_image_is_made_of_all_layers_of_a_volume() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let source = dir.path().join("source.img");
    marked_disk(&source);
    let (origin, made) = (machine_image(), machine_image());
    storage.import_image(&origin, &source).await.unwrap();
    let id = volume();
    storage.create_volume(&id, &VolumeSource::Image(origin), Gib(1)).await.unwrap();
    let disk = open_chain(&storage.volume_chain(&id).await.unwrap(), true);
    disk.write(&b"mine!"[..], 2 * MIB).unwrap();
    disk.flush().unwrap();
    drop(disk);
    assert!(storage.image_from_volume(&made, &id, 2).await.is_err(), "its top layer may be written to");
    let below = storage.branch_volume(&id, Gib(1)).await.unwrap();
    let size = storage.image_from_volume(&made, &id, below).await.unwrap().size;
    assert_eq!(size, Gib(1).bytes());
    let copy = volume();
    storage.create_volume(&copy, &VolumeSource::Image(made), Gib(1)).await.unwrap();
    let disk = open_chain(&storage.volume_chain(&copy).await.unwrap(), false);
    assert_eq!((read(&disk, 0, 5), read(&disk, 2 * MIB, 5)), (b"front".to_vec(), b"mine!".to_vec()));
    assert_eq!(read(&disk, 5 * MIB - 5, 5), b"rear!");
}
