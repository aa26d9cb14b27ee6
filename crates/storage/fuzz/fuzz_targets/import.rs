//! A file of any content is taken in or refused, and a refusal leaves nothing.
#![no_main]

use cumulet_model::Bytes;
use cumulet_ports::Storage;
use cumulet_storage::{HostStorage, StorageConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::write(&source, input).unwrap();
    let config = StorageConfig { state_dir: dir.path().join("state"), reserve: Bytes(0) };
    let storage = HostStorage::open(config).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let id = "ami-0123456789abcdef0".parse().unwrap();
    let imported = runtime.block_on(storage.import_image(&id, &source)).is_ok();
    assert_eq!(storage.image_file(&id).exists(), imported);
    assert_eq!(std::fs::read_dir(dir.path().join("state/tmp")).unwrap().count(), 0);
});
