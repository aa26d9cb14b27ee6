//! From the disk to pieces. A tree may change while it is read: what is gone or can't be read is left out and told,
//! what became a link in between is not followed.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use cumulet_agent_protocol::files::{Facts, MAX_DEPTH};
use cumulet_agent_protocol::{CHUNK, Copied, Entry};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};

use crate::{Piece, TreeError};

/// How many of what was left out are told of one by one.
const TOLD: usize = 50;

/// Takes pieces.
type Put<'a> = &'a mut dyn FnMut(Piece<'_>) -> io::Result<()>;

/// Sends the file or directory at `path`; a link is followed there, and nowhere below.
pub fn send(path: &Path, put: Put<'_>) -> Result<Copied, TreeError> {
    let shown = path.display().to_string();
    let real = path.canonicalize().map_err(TreeError::io("open", &shown))?;
    let name = real.file_name().map_or(Ok("root"), |name| name.to_str().ok_or(()));
    let name = name.map_err(|()| TreeError::Refused(format!("the name of {shown} is not UTF-8")))?.to_owned();
    let fd = rustix::fs::open(&real, reading(), Mode::empty()).map_err(TreeError::io("open", &shown))?;
    let stat = fstat(&fd).map_err(TreeError::io("look at", &shown))?;
    let mut sender = Sender { put, copied: Copied::default(), buffer: vec![0; CHUNK] };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => sender.file(fd, &shown, facts(name, &stat))?,
        FileType::Directory => sender.directory(fd, &shown, facts(name, &stat), 1)?,
        _ => return Err(TreeError::Refused(format!("{shown} is neither a file nor a directory"))),
    }
    Ok(sender.copied)
}

struct Sender<'a> {
    put: Put<'a>,
    copied: Copied,
    buffer: Vec<u8>,
}

impl Sender<'_> {
    fn put(&mut self, piece: Piece<'_>) -> Result<(), TreeError> {
        (self.put)(piece).map_err(TreeError::Gone)
    }

    /// Notes what does not travel; the rest does.
    fn leave_out(&mut self, what: &str, why: &str) -> Result<(), TreeError> {
        if self.copied.left_out.len() < TOLD {
            let text = format!("{what}: {why}");
            self.copied.left_out.push(text.chars().take(300).collect());
        }
        Ok(())
    }

    fn file(&mut self, fd: OwnedFd, shown: &str, facts: Facts) -> Result<(), TreeError> {
        self.put(Piece::Entry(Entry::File(facts)))?;
        let mut file = File::from(fd);
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    self.copied.bytes += count as u64;
                    self.put(Piece::Data(&buffer[..count]))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The receiver has a part of it, which is worse than nothing.
                Err(error) => return Err(TreeError::io("read", shown)(error)),
            }
        }
        self.buffer = buffer;
        self.copied.entries += 1;
        self.put(Piece::End)
    }

    fn directory(&mut self, fd: OwnedFd, shown: &str, facts: Facts, depth: usize) -> Result<(), TreeError> {
        let entries = Dir::read_from(&fd).map_err(TreeError::io("list", shown))?;
        self.put(Piece::Entry(Entry::Directory(facts)))?;
        self.copied.entries += 1;
        for entry in entries {
            let entry = entry.map_err(TreeError::io("list", shown))?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => self.entry(fd.as_fd(), name, &format!("{shown}/{name}"), depth)?,
                Err(_) => {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    self.leave_out(&format!("{shown}/{name}"), "the name is not UTF-8")?;
                }
            }
        }
        self.put(Piece::Entry(Entry::Up))
    }

    fn entry(
        &mut self,
        above: BorrowedFd<'_>,
        name: &str,
        shown: &str,
        depth: usize,
    ) -> Result<(), TreeError> {
        let stat = match statat(above, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(error) => return self.leave_out(shown, &io::Error::from(error).to_string()),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => return self.link(above, name, shown),
            FileType::RegularFile => {}
            FileType::Directory if depth < MAX_DEPTH => {}
            FileType::Directory => return self.leave_out(shown, "the directory is too deep"),
            _ => return self.leave_out(shown, "it is neither a file, a directory nor a link"),
        }
        // What was looked at and what is opened may be two things; the open one counts.
        let opened = openat(above, name, reading() | OFlags::NOFOLLOW, Mode::empty())
            .and_then(|fd| fstat(&fd).map(|stat| (fd, stat)));
        let (fd, stat) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.leave_out(shown, &io::Error::from(error).to_string()),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.file(fd, shown, facts(name.to_owned(), &stat)),
            FileType::Directory => self.directory(fd, shown, facts(name.to_owned(), &stat), depth + 1),
            _ => self.leave_out(shown, "it changed while it was read"),
        }
    }

    fn link(&mut self, above: BorrowedFd<'_>, name: &str, shown: &str) -> Result<(), TreeError> {
        let target = match readlinkat(above, name, Vec::new()) {
            Ok(target) => target,
            Err(error) => return self.leave_out(shown, &io::Error::from(error).to_string()),
        };
        match target.into_string() {
            Ok(target) => {
                self.copied.entries += 1;
                self.put(Piece::Entry(Entry::Link { name: name.to_owned(), target }))
            }
            Err(_) => self.leave_out(shown, "the link's target is not UTF-8"),
        }
    }
}

/// A pipe or device that stands where a file was must not hold us up.
fn reading() -> OFlags {
    OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY
}

fn facts(name: String, stat: &Stat) -> Facts {
    Facts { name, mode: stat.st_mode & 0o777, modified: stat.st_mtime }
}
