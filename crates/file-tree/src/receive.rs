//! From pieces to the disk. A file is written beside its place and moved there when it is whole, so that nobody finds
//! half a file; what a stream that broke off leaves is removed.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cumulet_agent_protocol::files::{Facts, MAX_DEPTH, is_name};
use cumulet_agent_protocol::{Copied, Entry};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, fchmod, fchown,
    futimens, mkdirat, openat, renameat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::{Piece, TreeError};

/// Who is to own what is made; `None` leaves it as it comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
}

/// Takes one tree.
#[derive(Debug)]
pub struct Receiver {
    /// The directory in which the root is made, and then those that are begun and not whole.
    above: Vec<Directory>,
    /// The root's name, where it is not to have its own.
    name: Option<String>,
    file: Option<Writing>,
    owner: Owner,
    copied: Copied,
    whole: bool,
}

#[derive(Debug)]
struct Directory {
    fd: OwnedFd,
    shown: String,
    /// What it gets when it is whole, if it was made here.
    facts: Option<Facts>,
}

#[derive(Debug)]
struct Writing {
    file: File,
    temporary: String,
    facts: Facts,
    shown: String,
}

impl Receiver {
    /// For a tree that is to become `path`; or, where that is a directory, something in it under its own name.
    pub fn new(path: &Path, owner: Owner) -> Result<Self, TreeError> {
        let shown = path.display().to_string();
        let (directory, name) = if path.is_dir() {
            (path, None)
        } else if shown.ends_with('/') {
            return Err(TreeError::Refused(format!("{shown} is no directory")));
        } else {
            let name = path.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name));
            let name = name.ok_or_else(|| TreeError::Refused(format!("{shown:?} can't name a file")))?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            (parent.unwrap_or(Path::new(".")), Some(name.to_owned()))
        };
        let shown = directory.display().to_string();
        let fd =
            openat(CWD, directory, directories(), Mode::empty()).map_err(TreeError::io("open", &shown))?;
        let above = vec![Directory { fd, shown, facts: None }];
        Ok(Self { above, name, file: None, owner, copied: Copied::default(), whole: false })
    }

    /// Takes a piece; tells whether the tree is whole with it.
    pub fn take(&mut self, piece: Piece<'_>) -> Result<bool, TreeError> {
        if self.whole {
            return Err(TreeError::Stream("something came after the end".into()));
        }
        match (piece, &mut self.file) {
            (Piece::Data(data), Some(writing)) => {
                writing.file.write_all(data).map_err(TreeError::io("write", &writing.shown))?;
                self.copied.bytes += data.len() as u64;
            }
            (Piece::End, Some(_)) => self.finish_file()?,
            (Piece::Entry(entry), None) => self.begin(entry)?,
            (piece, _) => {
                let what = match piece {
                    Piece::Entry(_) => "an entry within a file",
                    _ => "data outside of a file",
                };
                return Err(TreeError::Stream(what.into()));
            }
        }
        self.whole = self.above.len() == 1 && self.file.is_none();
        Ok(self.whole)
    }

    /// What was copied so far.
    pub fn copied(&self) -> &Copied {
        &self.copied
    }

    fn begin(&mut self, entry: Entry) -> Result<(), TreeError> {
        match entry {
            Entry::File(facts) => self.begin_file(facts),
            Entry::Directory(facts) => self.begin_directory(facts),
            Entry::Link { name, target } => self.make_link(&name, &target),
            Entry::Up => self.finish_directory(),
        }
    }

    /// The directory to make something in, the name that it gets there, and its path for people.
    fn place(&mut self, name: &str) -> Result<(BorrowedFd<'_>, String, String), TreeError> {
        if !is_name(name) {
            let name: String = name.chars().take(80).collect();
            return Err(TreeError::Stream(format!("{name:?} is no name of a file")));
        }
        let is_root = self.above.len() == 1;
        let name = self.name.take().filter(|_| is_root).unwrap_or_else(|| name.to_owned());
        // The first directory is never taken off.
        let Some(directory) = self.above.last() else { return Err(TreeError::Stream("it has ended".into())) };
        let shown = format!("{}/{name}", directory.shown.trim_end_matches('/'));
        Ok((directory.fd.as_fd(), name, shown))
    }

    fn begin_file(&mut self, mut facts: Facts) -> Result<(), TreeError> {
        // Free of all names that a tree has; another copy into the same directory has another number or process.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (above, name, shown) = self.place(&facts.name)?;
        let temporary = format!(".cumulet-{}-{number}.part", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = || openat(above, &*temporary, flags, Mode::RUSR | Mode::WUSR);
        let made = match make() {
            Err(Errno::EXIST) => {
                _ = unlinkat(above, &*temporary, AtFlags::empty());
                make()
            }
            made => made,
        };
        let file = made.map_err(TreeError::io("make", &shown))?.into();
        facts.name = name;
        self.file = Some(Writing { file, temporary, facts, shown });
        Ok(())
    }

    fn finish_file(&mut self) -> Result<(), TreeError> {
        let (Some(writing), Some(above)) = (self.file.take(), self.above.last()) else {
            return Err(TreeError::Stream("there is no file to end".into()));
        };
        let Writing { file, temporary, facts, shown } = writing;
        let done = finish(file.as_fd(), &facts, self.owner, &shown).and_then(|()| {
            let there = statat(&above.fd, &*facts.name, AtFlags::SYMLINK_NOFOLLOW);
            match there.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
                Ok(FileType::RegularFile | FileType::Symlink) | Err(Errno::NOENT) => {}
                Ok(_) => {
                    let text = format!("{shown} is there and not a file");
                    return Err(TreeError::Refused(text));
                }
                Err(error) => return Err(TreeError::io("look at", &shown)(error)),
            }
            renameat(&above.fd, &*temporary, &above.fd, &*facts.name).map_err(TreeError::io("make", &shown))
        });
        if done.is_err() {
            _ = unlinkat(&above.fd, &*temporary, AtFlags::empty());
        }
        self.copied.entries += 1;
        done
    }

    fn begin_directory(&mut self, facts: Facts) -> Result<(), TreeError> {
        if self.above.len() > MAX_DEPTH {
            return Err(TreeError::Stream(format!("it is deeper than {MAX_DEPTH} directories")));
        }
        let (above, name, shown) = self.place(&facts.name)?;
        let is_new = match mkdirat(above, &*name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(TreeError::io("make", &shown)(error)),
        };
        let fd = openat(above, &*name, directories() | OFlags::NOFOLLOW, Mode::empty());
        let fd = fd.map_err(TreeError::io("open", &shown))?;
        self.above.push(Directory { fd, shown, facts: is_new.then_some(facts) });
        self.copied.entries += 1;
        Ok(())
    }

    /// A directory that was there before keeps what it had; a new one gets its permissions last, as they may be such
    /// that nothing can be put into it.
    fn finish_directory(&mut self) -> Result<(), TreeError> {
        let ended = if self.above.len() > 1 { self.above.pop() } else { None };
        let ended = ended.ok_or_else(|| TreeError::Stream("a directory ends that was not begun".into()))?;
        match &ended.facts {
            Some(facts) => finish(ended.fd.as_fd(), facts, self.owner, &ended.shown),
            None => Ok(()),
        }
    }

    fn make_link(&mut self, name: &str, target: &str) -> Result<(), TreeError> {
        if self.above.len() == 1 {
            return Err(TreeError::Stream("a link is no tree".into()));
        }
        let owner = self.owner;
        let (above, name, shown) = self.place(name)?;
        let make = || symlinkat(target, above, &*name);
        let made = match make() {
            Err(Errno::EXIST) => unlinkat(above, &*name, AtFlags::empty()).and_then(|()| make()),
            made => made,
        };
        made.map_err(TreeError::io("make", &shown))?;
        if owner != Owner::default() {
            let (uid, gid) = ids(owner);
            rustix::fs::chownat(above, &*name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(TreeError::io("chown", &shown))?;
        }
        self.copied.entries += 1;
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let (Some(writing), Some(above)) = (&self.file, self.above.last()) {
            _ = unlinkat(&above.fd, &*writing.temporary, AtFlags::empty());
        }
    }
}

fn directories() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

fn ids(owner: Owner) -> (Option<Uid>, Option<Gid>) {
    (owner.uid.map(Uid::from_raw), owner.gid.map(Gid::from_raw))
}

/// Owner first: a change of it takes permissions away.
fn finish(fd: BorrowedFd<'_>, facts: &Facts, owner: Owner, shown: &str) -> Result<(), TreeError> {
    if owner != Owner::default() {
        let (uid, gid) = ids(owner);
        fchown(fd, uid, gid).map_err(TreeError::io("chown", shown))?;
    }
    fchmod(fd, Mode::from_raw_mode(facts.mode & 0o777)).map_err(TreeError::io("chmod", shown))?;
    let modified = Timespec { tv_sec: facts.modified, tv_nsec: 0 };
    let untouched = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    futimens(fd, &Timestamps { last_access: untouched, last_modification: modified })
        .map_err(TreeError::io("set the time of", shown))
}
