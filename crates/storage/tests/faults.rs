//! A full file system and interrupted calls: a clear word, and nothing left behind.

mod common;

use std::fs;

use common::*;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Bytes, Gib};
use cumulet_ports::storage::Storage;
use cumulet_storage::{HostStorage, StorageConfig};

const NOTHING: [&str; 0] = [];

#[tokio::test]
async fn an_import_that_can_not_fit_is_refused_before_it_writes() {
    let name = "an_import_that_can_not_fit_is_refused_before_it_writes";
    let mount = match Mount::tmpfs(8) {
        Ok(mount) => mount,
        Err(reason) => return skip(name, &reason),
    };
    let outside = tempfile::tempdir().unwrap();
    let source = outside.path().join("source.img");
    fs::write(&source, vec![1; 20 << 20]).unwrap();
    let storage = storage_at(&mount.path);
    let free = storage.free_space().await.unwrap();
    let error = storage.import_image(&machine_image(), &source).await.unwrap_err().chain();
    assert!(error.contains("storage is full"), "{error}");
    assert_eq!(storage.free_space().await.unwrap(), free);
    assert_eq!(names(&mount.path.join("tmp")), NOTHING);
}

#[tokio::test]
async fn a_disk_that_unpacks_to_more_than_fits_leaves_nothing() {
    let name = "a_disk_that_unpacks_to_more_than_fits_leaves_nothing";
    let mount = match (run("qemu-img", &["--version"]), Mount::tmpfs(8)) {
        (Ok(_), Ok(mount)) => mount,
        (Err(reason), _) | (_, Err(reason)) => return skip(name, &reason),
    };
    let outside = tempfile::tempdir().unwrap();
    let (raw, packed) = (outside.path().join("raw.img"), outside.path().join("packed.qcow2"));
    fs::write(&raw, vec![1; 20 << 20]).unwrap();
    let paths = [raw.to_str().unwrap(), packed.to_str().unwrap()];
    run("qemu-img", &["convert", "-c", "-O", "qcow2", paths[0], paths[1]]).unwrap();
    let storage = storage_at(&mount.path);
    let free = storage.free_space().await.unwrap();
    let error = storage.import_image(&machine_image(), &packed).await.unwrap_err().chain();
    assert!(error.contains("storage is full"), "{error}");
    assert_eq!(storage.free_space().await.unwrap(), free);
    assert_eq!(names(&mount.path.join("tmp")), NOTHING);
    assert_eq!(names(&mount.path.join("images")), NOTHING);
}

#[tokio::test]
async fn a_full_disk_refuses_new_volumes_and_still_lets_old_ones_go() {
    let name = "a_full_disk_refuses_new_volumes_and_still_lets_old_ones_go";
    let mount = match Mount::tmpfs(8) {
        Ok(mount) => mount,
        Err(reason) => return skip(name, &reason),
    };
    let storage = storage_at(&mount.path);
    let source = mount.path.join("source.img");
    marked_disk(&source);
    let (image, old) = (machine_image(), volume());
    storage.import_image(&image, &source).await.unwrap();
    storage.create_volume(&old, &VolumeSource::Image(image.clone()), Gib(1)).await.unwrap();
    let mut filler = fs::File::create(mount.path.join("filler")).unwrap();
    while std::io::Write::write(&mut filler, &[1; 4096]).is_ok() {}
    for source in [VolumeSource::Blank, VolumeSource::Image(image)] {
        let error = storage.create_volume(&volume(), &source, Gib(1)).await.unwrap_err().chain();
        assert!(error.contains("storage is full"), "{error}");
    }
    storage.delete_volume(&old).await.unwrap();
    assert_eq!(names(&mount.path.join("volumes")), NOTHING);
    assert_eq!(names(&mount.path.join("tmp")), NOTHING);
}

#[tokio::test]
async fn an_import_leaves_the_reserve() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source.img");
    fs::write(&source, [1; 4096]).unwrap();
    let config = StorageConfig { state_dir: dir.path().join("state"), reserve: Bytes(1 << 60) };
    let storage = HostStorage::open(config).unwrap();
    let error = storage.import_image(&machine_image(), &source).await.unwrap_err().chain();
    assert!(error.contains("stay reserved"), "{error}");
}

#[tokio::test]
async fn the_next_start_removes_what_interrupted_calls_left_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let id = volume();
    storage_at(dir.path()).create_volume(&id, &VolumeSource::Blank, Gib(1)).await.unwrap();
    fs::create_dir(dir.path().join("tmp/0")).unwrap();
    fs::write(dir.path().join("tmp/0/disk.raw"), b"half").unwrap();
    fs::write(dir.path().join("tmp/1"), b"a file").unwrap();
    std::os::unix::fs::symlink(dir.path().join("volumes"), dir.path().join("tmp/2")).unwrap();
    fs::create_dir(dir.path().join("volumes/lost+found")).unwrap();
    let storage = storage_at(dir.path());
    assert_eq!(names(&dir.path().join("tmp")), NOTHING);
    assert_eq!(storage.inventory().await.unwrap().volumes, [id]);
}
