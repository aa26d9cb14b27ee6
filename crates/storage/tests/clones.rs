//! Volumes: an image's clone is the image's bytes at first and its own from then on, on any file system.

mod common;

use std::path::Path;

use common::*;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Bytes, Gib};
use cumulet_ports::storage::{DiskFormat, Storage};
use cumulet_storage::HostStorage;

/// Takes in the marked disk and clones it twice; what one guest writes neither the other nor the image sees; the
/// image goes and the clones stay. Gives the clones' format.
async fn clones_live_their_own_lives(storage: &HostStorage, dir: &Path) -> DiskFormat {
    let source = dir.join("source.img");
    marked_disk(&source);
    let image = machine_image();
    let imported = storage.import_image(&image, &source).await.unwrap();
    assert_eq!(imported.size, Bytes(5 * MIB));

    let (first, second) = (volume(), volume());
    for id in [&first, &second] {
        storage.create_volume(id, &VolumeSource::Image(image.clone()), Gib(3)).await.unwrap();
    }
    let chain = storage.volume_chain(&first).await.unwrap();
    {
        let disk = open_chain(&chain, true);
        assert_eq!(disk.size(), 3 * GIB);
        assert_eq!(read(&disk, 0, 5), b"front");
        assert_eq!(read(&disk, 3 * MIB + 123, 5), b"inner");
        assert_eq!(read(&disk, 5 * MIB - 5, 5), b"rear!");
        assert_eq!(read(&disk, 5 * MIB, 4096), [0; 4096], "behind the image");
        assert_eq!(read(&disk, 3 * GIB - 512, 512), [0; 512], "the last sector");
        disk.write(&b"mine!"[..], 3 * MIB + 123).unwrap();
        disk.write(&b"last!"[..], 3 * GIB - 512).unwrap();
        disk.flush().unwrap();
    }
    storage.delete_image(&image).await.unwrap();
    assert!(!storage.image_file(&image).exists());

    let disk = open_chain(&chain, false);
    assert_eq!(read(&disk, 3 * MIB + 123, 5), b"mine!");
    assert_eq!(read(&disk, 3 * GIB - 512, 5), b"last!");
    assert_eq!(read(&disk, 0, 5), b"front", "the image is gone and its clone is whole");
    let other = open_chain(&storage.volume_chain(&second).await.unwrap(), false);
    assert_eq!(read(&other, 3 * MIB + 123, 5), b"inner");
    chain.layers[0].format
}

#[tokio::test]
async fn clones_live_their_own_lives_here() {
    let dir = tempfile::tempdir().unwrap();
    clones_live_their_own_lives(&storage_at(&dir.path().join("state")), dir.path()).await;
}

#[tokio::test]
async fn a_file_system_without_reflinks_gives_overlays() {
    let name = "a_file_system_without_reflinks_gives_overlays";
    let mount = match Mount::tmpfs(64) {
        Ok(mount) => mount,
        Err(reason) => return skip(name, &reason),
    };
    let format = clones_live_their_own_lives(&storage_at(&mount.path.join("state")), &mount.path).await;
    assert_eq!(format, DiskFormat::Qcow2);
}

#[tokio::test]
async fn a_file_system_with_reflinks_gives_raw_clones() {
    let name = "a_file_system_with_reflinks_gives_raw_clones";
    let mount = match Mount::xfs() {
        Ok(mount) => mount,
        Err(reason) => return skip(name, &reason),
    };
    let format = clones_live_their_own_lives(&storage_at(&mount.path.join("state")), &mount.path).await;
    assert_eq!(format, DiskFormat::Raw);
}

#[tokio::test]
async fn qemu_finds_an_overlay_in_order() {
    let name = "qemu_finds_an_overlay_in_order";
    if let Err(reason) = run("qemu-img", &["--version"]) {
        return skip(name, &reason);
    }
    let mount = match Mount::tmpfs(64) {
        Ok(mount) => mount,
        Err(reason) => return skip(name, &reason),
    };
    let storage = storage_at(&mount.path.join("state"));
    let source = mount.path.join("source.img");
    marked_disk(&source);
    let image = machine_image();
    storage.import_image(&image, &source).await.unwrap();
    for size in [1, 7, 1000, 64 << 10] {
        let id = volume();
        storage.create_volume(&id, &VolumeSource::Image(image.clone()), Gib(size)).await.unwrap();
        let path = storage.volume_chain(&id).await.unwrap().layers[0].path.clone();
        let path = path.to_str().unwrap();
        run("qemu-img", &["check", path]).unwrap();
        let info = run("qemu-img", &["info", "--output=json", path]).unwrap();
        assert!(info.contains(&format!("\"virtual-size\": {}", size * GIB)), "{info}");
        assert!(info.contains("\"backing-filename-format\": \"raw\""), "{info}");
    }
}

#[tokio::test]
async fn a_blank_volume_is_zeroes_and_takes_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(dir.path());
    let id = volume();
    storage.create_volume(&id, &VolumeSource::Blank, Gib(100)).await.unwrap();
    let chain = storage.volume_chain(&id).await.unwrap();
    assert_eq!(chain.layers.len(), 1);
    let meta = chain.layers[0].path.metadata().unwrap();
    assert_eq!(meta.len(), 100 * GIB);
    assert!(std::os::unix::fs::MetadataExt::blocks(&meta) < 100);
}

#[tokio::test]
async fn every_call_twice_is_as_good_as_once() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let source = dir.path().join("source.img");
    marked_disk(&source);
    let (image, id) = (machine_image(), volume());
    for _ in 0..2 {
        assert_eq!(storage.import_image(&image, &source).await.unwrap().size, Bytes(5 * MIB));
        storage.create_volume(&id, &VolumeSource::Image(image.clone()), Gib(1)).await.unwrap();
    }
    let inventory = storage.inventory().await.unwrap();
    assert_eq!((inventory.images, inventory.volumes), (vec![image.clone()], vec![id.clone()]));
    for _ in 0..2 {
        storage.delete_volume(&id).await.unwrap();
        storage.delete_image(&image).await.unwrap();
    }
    assert_eq!(storage.inventory().await.unwrap(), Default::default());
    assert!(storage.volume_chain(&id).await.is_err());
    assert_eq!(names(&dir.path().join("state/tmp")), [""; 0]);
}

#[tokio::test]
async fn many_at_once_of_the_same_id_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let source = dir.path().join("source.img");
    marked_disk(&source);
    let (image, id) = (machine_image(), volume());
    let imports: Vec<_> = (0..8)
        .map(|_| {
            let (storage, image, source) = (storage.clone(), image.clone(), source.clone());
            tokio::spawn(async move { storage.import_image(&image, &source).await })
        })
        .collect();
    for import in imports {
        assert_eq!(import.await.unwrap().unwrap().size, Bytes(5 * MIB));
    }
    let clones: Vec<_> = (0..8)
        .map(|_| {
            let (storage, image, id) = (storage.clone(), image.clone(), id.clone());
            tokio::spawn(async move { storage.create_volume(&id, &VolumeSource::Image(image), Gib(1)).await })
        })
        .collect();
    for clone in clones {
        clone.await.unwrap().unwrap();
    }
    assert_eq!(names(&dir.path().join("state/tmp")), [""; 0]);
    assert_eq!(read(&open_chain(&storage.volume_chain(&id).await.unwrap(), false), 0, 5), b"front");
}

#[tokio::test]
async fn what_can_not_be_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let source = dir.path().join("big.img");
    std::fs::File::create(&source).unwrap().set_len(2 * GIB).unwrap();
    let image = machine_image();
    storage.import_image(&image, &source).await.unwrap();
    let refusal =
        async |source, size| storage.create_volume(&volume(), &source, Gib(size)).await.unwrap_err().chain();
    assert!(refusal(VolumeSource::Image(image.clone()), 1).await.contains("smaller than the image"));
    assert!(refusal(VolumeSource::Blank, 0).await.contains("at least 1 GiB"));
    assert!(refusal(VolumeSource::Blank, u64::MAX).await.contains("over the limit"));
    assert!(refusal(VolumeSource::Image(machine_image()), 1).await.contains("has no file"));
    let kernel = "aki-0123456789abcdef0".parse().unwrap();
    assert!(refusal(VolumeSource::Image(kernel), 1).await.contains("is not a disk"));
    assert_eq!(names(&dir.path().join("state/tmp")), [""; 0]);
    assert_eq!(names(&dir.path().join("state/volumes")), [""; 0]);
}
