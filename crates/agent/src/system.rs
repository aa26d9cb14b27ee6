//! The machine's files, below a root: a test has one of its own, and the kernel is left alone there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The most bytes of a text file that is read.
const MOST_TEXT: u64 = 1 << 20;

/// The machine.
#[derive(Debug, Clone)]
pub struct System {
    root: PathBuf,
}

impl System {
    /// The machine that this runs on.
    pub fn real() -> Self {
        Self::below("/")
    }

    /// A machine whose files are below this folder, and which has no kernel.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether it is the machine that this runs on.
    pub fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Where a file of the machine is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A text file.
    pub fn read_text(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.path(path))?.take(MOST_TEXT).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Writes a file whole, by a second one that takes its place.
    pub fn write(&self, path: &str, content: &[u8], mode: u32) -> io::Result<()> {
        let full = self.path(path);
        let mut name = full.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = full.with_file_name(name);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Made with no more rights than it ends with, so that a secret is never readable in between.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content)?;
        fs::rename(&new, &full)
    }
}
