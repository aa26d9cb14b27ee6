//! Taking images in: what is taken, what is refused, and that a refusal leaves nothing.

mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use common::*;
use cumulet_model::Bytes;
use cumulet_ports::storage::Storage;

/// The file of an image, as bytes.
fn bytes_of(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[tokio::test]
async fn a_raw_disk_comes_in_with_whole_sectors() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let source = dir.path().join("odd.img");
    fs::write(&source, [7; 1000]).unwrap();
    let image = machine_image();
    assert_eq!(storage.import_image(&image, &source).await.unwrap().size, Bytes(1024));
    let stored = bytes_of(&storage.image_file(&image));
    assert_eq!(&stored[..1000], [7; 1000]);
    assert_eq!(&stored[1000..], [0; 24]);
}

#[tokio::test]
async fn a_kernel_comes_in_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let source = dir.path().join("vmlinux");
    fs::write(&source, b"\x7fELF and more").unwrap();
    let kernel = "aki-0123456789abcdef0".parse().unwrap();
    assert_eq!(storage.import_image(&kernel, &source).await.unwrap().size, Bytes(13));
    assert_eq!(bytes_of(&storage.image_file(&kernel)), b"\x7fELF and more");
}

#[tokio::test]
async fn qcow2_disks_of_every_make_come_in_as_their_bytes() {
    let name = "qcow2_disks_of_every_make_come_in_as_their_bytes";
    if let Err(reason) = run("qemu-img", &["--version"]) {
        return skip(name, &reason);
    }
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let raw = dir.path().join("raw.img");
    marked_disk(&raw);
    let file = File::options().write(true).open(&raw).unwrap();
    let noise: Vec<u8> = (0..700_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    file.write_all_at(&noise, MIB).unwrap();
    for options in ["compat=v3", "compat=0.10", "cluster_size=512", "cluster_size=2M", "lazy_refcounts=on"] {
        for compress in [false, true] {
            let source = dir.path().join("disk.qcow2");
            let mut arguments = vec!["convert", "-f", "raw", "-O", "qcow2", "-o", options];
            arguments.extend(compress.then_some("-c"));
            arguments.extend([raw.to_str().unwrap(), source.to_str().unwrap()]);
            run("qemu-img", &arguments).unwrap();
            let image = machine_image();
            let imported = storage.import_image(&image, &source).await.unwrap();
            assert_eq!(imported.size, Bytes(5 * MIB), "{options}");
            assert!(
                bytes_of(&storage.image_file(&image)) == bytes_of(&raw),
                "{options}, compress {compress}"
            );
        }
    }
}

#[tokio::test]
async fn a_qcow2_that_would_read_the_hosts_files_is_refused() {
    let name = "a_qcow2_that_would_read_the_hosts_files_is_refused";
    if let Err(reason) = run("qemu-img", &["--version"]) {
        return skip(name, &reason);
    }
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("secret"), [b's'; 4096]).unwrap();
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-b", &path("secret"), "-F", "raw", &path("backed")])
        .unwrap();
    let data_file = format!("data_file={}", path("secret"));
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-o", &data_file, &path("external"), "1M"]).unwrap();
    let zstd = "compression_type=zstd";
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-o", zstd, &path("zstd"), "1M"]).unwrap();
    run("qemu-img", &["create", "-q", "-f", "qcow2", &path("cut"), "1G"]).unwrap();
    File::options().write(true).open(path("cut")).unwrap().set_len(70_000).unwrap();
    for (name, word) in
        [("backed", "backing file"), ("external", "external"), ("zstd", "zlib"), ("cut", "first-level")]
    {
        let image = machine_image();
        let error = storage.import_image(&image, Path::new(&path(name))).await.unwrap_err().chain();
        assert!(error.contains(word), "{name}: {error}");
        assert!(!storage.image_file(&image).exists());
    }
    assert_eq!(names(&dir.path().join("state/tmp")), [""; 0]);
}

#[tokio::test]
async fn a_qcow2_with_damaged_tables_fails_and_leaves_nothing() {
    let name = "a_qcow2_with_damaged_tables_fails_and_leaves_nothing";
    if let Err(reason) = run("qemu-img", &["--version"]) {
        return skip(name, &reason);
    }
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let (raw, source) = (dir.path().join("raw.img"), dir.path().join("disk.qcow2"));
    marked_disk(&raw);
    run("qemu-img", &["convert", "-O", "qcow2", raw.to_str().unwrap(), source.to_str().unwrap()]).unwrap();
    let file = File::options().read(true).write(true).open(&source).unwrap();
    let mut l1 = [0; 8];
    file.read_exact_at(&mut l1, 40).unwrap();
    file.write_all_at(&[0xff; 8], u64::from_be_bytes(l1)).unwrap();
    let image = machine_image();
    let error = storage.import_image(&image, &source).await.unwrap_err().chain();
    assert!(error.contains("damaged"), "{error}");
    assert_eq!(names(&dir.path().join("state/tmp")), [""; 0]);
    assert_eq!(names(&dir.path().join("state/images")), [""; 0]);
}

#[tokio::test]
async fn what_is_no_disk_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage_at(&dir.path().join("state"));
    let path = |name: &str| dir.path().join(name);
    fs::write(path("empty"), b"").unwrap();
    fs::write(path("disk.xz"), b"\xfd7zXZ\0 and so on").unwrap();
    run("mkfifo", &[path("pipe").to_str().unwrap()]).unwrap();
    for (name, word) in [
        ("empty", "is empty"),
        ("disk.xz", "xz-compressed"),
        ("pipe", "not a regular file"),
        (".", "not a regular file"),
        ("nowhere", "can't read"),
    ] {
        let error = storage.import_image(&machine_image(), &path(name)).await.unwrap_err().chain();
        assert!(error.contains(word), "{name}: {error}");
    }
    let error = storage.import_image(&machine_image(), Path::new("/dev/zero")).await.unwrap_err().chain();
    assert!(error.contains("not a regular file"), "{error}");
}
