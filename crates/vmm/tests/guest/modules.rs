//! Modules for a stock kernel: `CUMULET_TEST_MODULES` names a folder under which they lie (`lib/modules/VERSION`, as a
//! kernel's package has it). Those the test guest needs are found with what they depend on, in the order of loading.

use std::collections::HashMap;
use std::fs::{read, read_dir};
use std::path::{Path, PathBuf};
use std::process::Command;

const WANTED: [&str; 9] = [
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_rng",
    "virtio_balloon",
    "evdev",
    "button",
    "vmgenid",
    "vmw_vsock_virtio_transport",
];

/// The bytes of all modules needed, in order; none if no folder is named. One that is not there is built in.
pub fn load_order() -> Vec<Vec<u8>> {
    let Some(root) = std::env::var_os("CUMULET_TEST_MODULES") else { return Vec::new() };
    let mut files = HashMap::new();
    collect(Path::new(&root), &mut files);
    assert!(!files.is_empty(), "CUMULET_TEST_MODULES names a folder with modules");
    let (mut done, mut order) = (Vec::new(), Vec::new());
    WANTED.iter().for_each(|name| add(name, &files, &mut done, &mut order));
    order
}

fn collect(folder: &Path, files: &mut HashMap<String, PathBuf>) {
    for entry in read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, files);
        } else if let Some((name, _)) = entry.file_name().to_string_lossy().split_once(".ko") {
            files.insert(name.replace('-', "_"), path);
        }
    }
}

fn add(name: &str, files: &HashMap<String, PathBuf>, done: &mut Vec<String>, order: &mut Vec<Vec<u8>>) {
    let Some(path) = files.get(name).filter(|_| !done.iter().any(|other| other == name)) else { return };
    done.push(name.to_owned());
    let bytes = plain(path);
    depends(&bytes).iter().for_each(|other| add(other, files, done, order));
    order.push(bytes);
}

fn plain(path: &Path) -> Vec<u8> {
    if path.extension().is_some_and(|extension| extension == "ko") {
        return read(path).expect("a module can be read");
    }
    let output = Command::new("xz").arg("-dc").arg(path).output().expect("xz runs");
    assert!(output.status.success(), "{} can be unpacked", path.display());
    output.stdout
}

/// `depends=a,b` of the module's own information.
fn depends(module: &[u8]) -> Vec<String> {
    let mark = b"\0depends=";
    let Some(at) = module.windows(mark.len()).position(|window| window == mark) else { return Vec::new() };
    let value = module[at + mark.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value).replace('-', "_");
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
