//! What the storage tests share: a state directory, ids, mounts of their own, the bytes of a disk as a guest would
//! read them, and the counting of skipped tests.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses a part of this")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cumulet_model::image::ImageKind;
use cumulet_model::{Bytes, ImageId, VolumeId};
use cumulet_ports::storage::{DiskChain, DiskFormat, DiskLayer};
use cumulet_storage::{HostStorage, StorageConfig};
use imago::qcow2::Qcow2;
use imago::raw::Raw;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder};

pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;

/// Storage on a directory, with next to no reserve.
pub fn storage_at(dir: &Path) -> HostStorage {
    HostStorage::open(StorageConfig { state_dir: dir.to_owned(), reserve: Bytes(0) }).unwrap()
}

pub fn machine_image() -> ImageId {
    ImageId::random_of(ImageKind::Machine, &mut rand::rng())
}

pub fn volume() -> VolumeId {
    VolumeId::random(&mut rand::rng())
}

/// A raw disk of 5 MiB with marks at its beginning, middle and end.
pub fn marked_disk(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(5 * MIB).unwrap();
    for (mark, at) in [(b"front", 0), (b"inner", 3 * MIB + 123), (b"rear!", 5 * MIB - 5)] {
        file.write_all_at(mark, at).unwrap();
    }
}

/// A disk's chain opened by a qcow2 implementation, layer by layer, as a VMM does.
pub fn open_chain(chain: &DiskChain, write: bool) -> FormatAccess<imago::file::File> {
    let mut below: Option<Arc<FormatAccess<imago::file::File>>> = None;
    for (index, layer) in chain.layers.iter().enumerate().rev() {
        below = Some(Arc::new(open_layer(layer, write && index == 0, below)));
    }
    Arc::into_inner(below.unwrap()).unwrap()
}

fn open_layer(
    layer: &DiskLayer,
    write: bool,
    below: Option<Arc<FormatAccess<imago::file::File>>>,
) -> FormatAccess<imago::file::File> {
    let file = File::options().read(true).write(write).open(&layer.path).unwrap();
    let storage = imago::file::File::try_from(file).unwrap();
    let gate = DenyImplicitOpenGate::default();
    match layer.format {
        DiskFormat::Raw => FormatAccess::new(Raw::builder(storage).write(write).open(gate).unwrap()),
        DiskFormat::Qcow2 => {
            let builder = Qcow2::<imago::file::File, Arc<FormatAccess<imago::file::File>>>::builder(storage);
            FormatAccess::new(builder.write(write).backing(below).open(gate).unwrap())
        }
    }
}

/// Bytes of a disk as a guest reads them.
pub fn read(disk: &FormatAccess<imago::file::File>, at: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xaa; len];
    disk.read(&mut bytes, at).unwrap();
    bytes
}

/// Names in a directory.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Says that a test did not run, and counts it where the test command looks.
pub fn skip(name: &str, reason: &str) {
    println!("SKIPPED {name}: {reason}");
    if let Some(path) = std::env::var_os("CUMULET_SKIP_LOG") {
        let mut log = File::options().append(true).create(true).open(path).unwrap();
        writeln!(log, "SKIPPED {name}: {reason}").unwrap();
    }
}

/// Runs a tool; the error is fit for a reason to skip.
pub fn run(tool: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(tool).args(arguments).output().map_err(|error| format!("{tool}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(text) } else { Err(format!("{tool}: {text}{}", errors.trim())) }
}

/// A file system of a test's own, unmounted when dropped.
pub struct Mount {
    pub path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Mount {
    /// A tmpfs of so many MiB.
    pub fn tmpfs(mib: u64) -> Result<Self, String> {
        Self::with(|_, path| {
            run("mount", &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs", path]).map(drop)
        })
    }

    /// An XFS, which shares blocks between files.
    pub fn xfs() -> Result<Self, String> {
        Self::with(|dir, path| {
            let image = dir.join("xfs");
            File::create(&image).unwrap().set_len(512 * MIB).unwrap();
            let image = image.to_str().unwrap();
            run("mkfs.xfs", &["-q", "-m", "reflink=1", image])?;
            run("mount", &["-o", "loop", image, path]).map(drop)
        })
    }

    fn with(make: impl FnOnce(&Path, &str) -> Result<(), String>) -> Result<Self, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mnt");
        fs::create_dir(&path).unwrap();
        make(dir.path(), path.to_str().unwrap())?;
        Ok(Self { path, _dir: dir })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &["-l", self.path.to_str().unwrap()]).unwrap();
    }
}
