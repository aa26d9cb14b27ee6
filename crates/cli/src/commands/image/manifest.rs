//! What an image's recipe leaves beside the disk: `NAME.json`, which names the files (`images/build --help`).

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::register::Parts;
use crate::failure::{Failure, Result};

/// Far more than any manifest.
const READ_LIMIT: u64 = 256 * 1024;

/// A built image: file names are relative to the manifest's folder.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    pub name: String,
    description: Option<String>,
    disk: PathBuf,
    kernel: Option<PathBuf>,
    ramdisk: Option<PathBuf>,
    root_device_name: Option<String>,
    boot_args: Option<String>,
    default_user: Option<String>,
}

impl Manifest {
    /// Reads the manifest at `path` and makes its file names whole.
    pub fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(READ_LIMIT).read_to_string(&mut text))
            .map_err(Failure::io(format!("cannot read {}", path.display())))?;
        let mut manifest: Self = serde_json::from_str(&text).map_err(|error| {
            Failure::Other(format!("{} is no manifest of an image: {error}", path.display()))
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        manifest.disk = folder.join(&manifest.disk);
        manifest.kernel = manifest.kernel.map(|file| folder.join(file));
        manifest.ramdisk = manifest.ramdisk.map(|file| folder.join(file));
        Ok(manifest)
    }

    /// What to register.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            name: &self.name,
            disk: &self.disk,
            kernel: self.kernel.as_deref(),
            initrd: self.ramdisk.as_deref(),
            root_device_name: self.root_device_name.as_deref(),
            cmdline: self.boot_args.as_deref(),
            user: self.default_user.as_deref(),
            description: self.description.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_those_beside_the_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("micro.json");
        std::fs::write(
            &path,
            r#"{"name": "micro", "disk": "micro.raw", "kernel": "k", "ramdisk": null, "boot_args": "quiet", "x": 1}"#,
        )
        .unwrap();
        let manifest = Manifest::read(&path).unwrap();
        let parts = manifest.parts();
        assert_eq!(parts.disk, folder.path().join("micro.raw"));
        assert_eq!(parts.kernel.unwrap(), folder.path().join("k"));
        assert_eq!((parts.initrd, parts.cmdline), (None, Some("quiet")));
        std::fs::write(&path, "not json").unwrap();
        assert!(Manifest::read(&path).unwrap_err().to_string().contains("no manifest"));
    }
}
