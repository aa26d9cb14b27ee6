//! The root of a jail: an empty, read-only file system in memory, with the run directory at [`RUN_DIR`] and, for a
//! program that is not static, its loader and libraries. Nothing else of the host is there, not even `/proc`.
//!
//! It is mounted over the run directory's own path, which this mount namespace needs for nothing else; nobody outside
//! sees it, and it is gone with the last process in it.

use crate::RUN_DIR;
use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_move,
    mount_remount, unmount,
};
use rustix::process::{chdir, chroot, fchdir, pivot_root};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// The root proper is a directory of that file system and not its top. The kernel gives a process whose root is not the
/// top of its mounts no user namespace (user_namespaces(7), EPERM), in which it would have capabilities again.
const TOP: &str = "root";
/// Size of the root, of which only names are stored.
const OPTIONS: &std::ffi::CStr = c"size=64k,nr_inodes=64,mode=755";
const DIR_MODE: Mode = Mode::from_raw_mode(0o755);

/// Why there is no root.
#[derive(Debug, thiserror::Error)]
#[error("can't {step}")]
pub struct RootError {
    step: String,
    #[source]
    source: io::Error,
}

fn at(step: impl Into<String>) -> impl FnOnce(Errno) -> RootError {
    move |errno| RootError { step: step.into(), source: errno.into() }
}

/// Makes the root and enters it, in a mount namespace of this process's own. `files` are to be there too, each at its
/// path. The working directory is the root afterwards.
pub fn enter(run_dir: &Path, files: &BTreeSet<PathBuf>) -> Result<(), RootError> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(at("keep mounts from the host"))?;
    let run = open_dir(run_dir).map_err(at("open the run directory"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("jail", run_dir, "tmpfs", flags, OPTIONS).map_err(at("mount a file system in memory"))?;
    let top = open_dir(run_dir).map_err(at("open the new root"))?;
    mkdirat(&top, TOP, DIR_MODE).map_err(at("make a directory"))?;
    let root = open_dir(&by_descriptor(&top, TOP)).map_err(at("open the new root"))?;
    mkdirat(&root, relative(Path::new(RUN_DIR)), DIR_MODE).map_err(at("make a directory"))?;
    bind(&by_descriptor(&run, ""), &by_descriptor(&root, RUN_DIR), MountFlags::NOEXEC)
        .map_err(at("mount the run directory"))?;
    for file in files {
        show(&root, file).map_err(at(format!("show {} in the jail", file.display())))?;
    }
    let only_read = flags | MountFlags::RDONLY | MountFlags::BIND;
    mount_remount(by_descriptor(&top, ""), only_read, "").map_err(at("make the root read-only"))?;
    change_root(&top)
}

fn open_dir(path: &Path) -> Result<OwnedFd, Errno> {
    open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Makes a file of the host visible at its own path, for reading and for execution.
fn show(root: &OwnedFd, file: &Path) -> Result<(), Errno> {
    let name = relative(file);
    for parent in name.ancestors().skip(1).collect::<Vec<_>>().into_iter().rev() {
        match mkdirat(root, parent, DIR_MODE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(_) if parent.as_os_str().is_empty() => {}
            Err(errno) => return Err(errno),
        }
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    openat(root, &name, flags, Mode::from_raw_mode(0o444))?;
    bind(file, &by_descriptor(root, file), MountFlags::RDONLY)
}

/// A bind mount has the flags of what it shows until it is remounted.
fn bind(from: &Path, to: &Path, flags: MountFlags) -> Result<(), Errno> {
    mount_bind(from, to)?;
    mount_remount(to, MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | flags, "")
}

fn change_root(top: &OwnedFd) -> Result<(), RootError> {
    fchdir(top).map_err(at("enter the new root"))?;
    match pivot_root(".", ".") {
        // The old root lies above the new one now.
        Ok(()) => unmount(".", UnmountFlags::DETACH).map_err(at("leave the host's file systems"))?,
        // A host that runs from its initial ramdisk has a root that can't be moved (pivot_root(2)).
        Err(Errno::INVAL) => {
            mount_move(".", "/").map_err(at("move the new root"))?;
        }
        Err(errno) => return Err(at("change the root")(errno)),
    }
    chroot(TOP).map_err(at("change the root"))?;
    chdir("/").map_err(at("enter the new root"))
}

/// A path below an open directory that no link can lead elsewhere: its first step is the descriptor.
fn by_descriptor(dir: &OwnedFd, path: impl AsRef<Path>) -> PathBuf {
    Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(relative(path.as_ref()))
}

fn relative(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}
