//! qcow2 files that were tampered with: whatever bytes are changed, an import ends with an image or with an error,
//! never with a panic, and an error leaves nothing.

mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use common::*;
use cumulet_ports::storage::Storage;
use imago::qcow2::Qcow2;
use imago::{FormatAccess, FormatCreateBuilder};
use proptest::prelude::*;

/// A disk of 1 MiB in clusters of 512 bytes, so that most of the file is tables.
fn small_qcow2(path: &Path) -> Vec<u8> {
    let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    let create = |file: &File| {
        let storage = imago::file::File::try_from(file.try_clone().unwrap()).unwrap();
        Qcow2::<imago::file::File>::create_builder(storage).cluster_size(512).size(MIB).create().unwrap();
    };
    create(&file);
    let storage = imago::file::File::try_from(file).unwrap();
    let mut qcow2 = Qcow2::<imago::file::File>::open_image(storage, true).unwrap();
    qcow2.set_backing(None);
    let disk = FormatAccess::new(qcow2);
    for at in (0..MIB).step_by(40_000) {
        disk.write(&[7; 700][..], at).unwrap();
    }
    disk.flush().unwrap();
    drop(disk);
    fs::read(path).unwrap()
}

#[test]
fn a_tampered_qcow2_never_does_harm() {
    // Each import is synced to disk; in memory that costs nothing.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let source = dir.path().join("disk.qcow2");
    let whole = small_qcow2(&source);
    let storage = storage_at(&dir.path().join("state"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let import = || {
        let image = machine_image();
        let done = runtime.block_on(storage.import_image(&image, &source));
        assert_eq!(names(&dir.path().join("state/tmp")), [""; 0]);
        assert_eq!(storage.image_file(&image).exists(), done.is_ok());
        runtime.block_on(storage.delete_image(&image)).unwrap();
        done.map(|_| ()).map_err(|error| error.chain())
    };
    import().unwrap();
    let change = (0..whole.len(), prop_oneof![Just(0xff), Just(0x80), Just(1), any::<u8>()]);
    let changes = prop::collection::vec(change, 1..6);
    let refused = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(400), |(changes in changes, cut in prop::option::of(0..whole.len()))| {
        let mut bytes = whole.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(cut.unwrap_or(whole.len()));
        let file = File::options().write(true).truncate(true).open(&source).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        if let Err(error) = import() {
            refused.set(refused.get() + 1);
            prop_assert!(!error.contains("work on storage was cut off"), "a panic: {error}");
        }
    });
    assert!(refused.get() > 10, "the changes were too tame: {}", refused.get());
}
