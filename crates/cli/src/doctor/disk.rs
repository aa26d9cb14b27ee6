//! The file system of the state directory: free space, and whether it clones files.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::row::Row;

/// Whether there is room for images and disks.
pub fn space(state_dir: &Path) -> Row {
    let place = nearest(state_dir);
    let stat = match rustix::fs::statvfs(&place) {
        Ok(stat) => stat,
        Err(error) => {
            return Row::fail("disk", format!("{}: {error}", place.display()), "--state-dir names another");
        }
    };
    let gib = stat.f_bavail.saturating_mul(stat.f_frsize) >> 30;
    let what = format!("{gib} GiB free at {}", place.display());
    let mend = "make room, or give the daemon another --state-dir";
    match gib {
        0..2 => Row::fail("disk", what, mend),
        2..10 => Row::warn("disk", what, mend),
        _ => Row::ok("disk", what),
    }
}

/// Whether the file system shares blocks between a file and its clone; disks are overlays where it doesn't.
pub fn reflink(state_dir: &Path) -> Row {
    let place = nearest(state_dir);
    match try_reflink(&place) {
        Ok(true) => Row::ok("reflink", "the file system clones files: a new disk takes no time"),
        Ok(false) => Row::ok("reflink", "the file system does not clone files: disks are overlays instead"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Row::warn("reflink", format!("{} is not writable for this user", place.display()), "run as root")
        }
        Err(error) => Row::fail(
            "reflink",
            format!("nothing can be written at {}: {error}", place.display()),
            "give the daemon a --state-dir that it can write to",
        ),
    }
}

fn try_reflink(place: &Path) -> std::io::Result<bool> {
    let path = |name: &str| place.join(format!(".cumulet-doctor-{}-{name}", std::process::id()));
    let (from, to) = (Removed(path("a")), Removed(path("b")));
    std::fs::write(&from.0, [0; 4096])?;
    let target = File::create_new(&to.0)?;
    Ok(rustix::fs::ioctl_ficlone(&target, File::open(&from.0)?).is_ok())
}

/// A file that goes when this does.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The directory, or the nearest one above it that is there.
fn nearest(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trial_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        try_reflink(directory.path()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        assert_eq!(nearest(&directory.path().join("not/there")), directory.path());
    }
}
