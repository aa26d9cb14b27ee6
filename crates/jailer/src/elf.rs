//! What a program needs in order to start: its interpreter and shared libraries (System V ABI, ELF; 64-bit,
//! little-endian). A static program needs none, and its root is then empty but for the run directory.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where loaders look without a cache and without being told.
const LIBRARY_DIRS: [&str; 7] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/usr/local/lib",
];
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
/// Bounds of what is read of a file that is trusted, so that a damaged one ends with an error.
const MAX_SEGMENTS: u16 = 64;
const MAX_DYNAMIC: u64 = 64 << 10;
const MAX_NAME: u64 = 4096;

/// Why it can't be found out.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The file.
    #[error("{} can't be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A library.
    #[error("the library {name} that {} needs is in none of the usual directories", by.display())]
    NoLibrary {
        /// Its name.
        name: String,
        /// Who needs it.
        by: PathBuf,
    },
}

/// The files that `program` needs beside itself, each at the path at which it is looked for.
pub fn needs(program: &File, path: &Path) -> Result<BTreeSet<PathBuf>, ElfError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ElfError::Read { path, source }
    };
    let image = read(program).map_err(failed(path))?;
    let mut found: BTreeSet<PathBuf> = image.interpreter.into_iter().collect();
    let mut to_do: Vec<(String, PathBuf)> =
        image.needed.into_iter().map(|name| (name, path.into())).collect();
    while let Some((name, by)) = to_do.pop() {
        let place = LIBRARY_DIRS.iter().map(|dir| Path::new(dir).join(&name)).find(|path| path.is_file());
        let place = match place {
            Some(place) => place,
            // The loader itself may stand among the libraries, and is known by its path already.
            None if found.iter().any(|known| known.ends_with(&name)) => continue,
            None => return Err(ElfError::NoLibrary { name, by }),
        };
        if found.insert(place.clone()) {
            let library = File::open(&place).and_then(|file| read(&file)).map_err(failed(&place))?;
            to_do.extend(library.needed.into_iter().map(|name| (name, place.clone())));
        }
    }
    Ok(found)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Image {
    interpreter: Option<PathBuf>,
    needed: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

fn read(file: &File) -> io::Result<Image> {
    let header = bytes(file, 0, 64)?;
    if header[..6] != [0x7f, b'E', b'L', b'F', 2, 1] {
        return Err(bad("it is no 64-bit ELF file"));
    }
    let (table, size, count) = (u64_at(&header, 32), u16_at(&header, 54), u16_at(&header, 56));
    if size != 56 || count > MAX_SEGMENTS {
        return Err(bad("its program headers are not usable"));
    }
    let headers = bytes(file, table, usize::from(count) * 56)?;
    let segments: Vec<Segment> = headers
        .chunks_exact(56)
        .map(|header| Segment {
            kind: u32_at(header, 0),
            offset: u64_at(header, 8),
            address: u64_at(header, 16),
            size: u64_at(header, 32),
        })
        .collect();
    let of_kind = |kind| segments.iter().find(move |segment| segment.kind == kind);
    let interpreter = of_kind(PT_INTERP).map(|it| name(file, it.offset)).transpose()?;
    let needed = match of_kind(PT_DYNAMIC) {
        Some(dynamic) => needed(file, dynamic, &segments)?,
        None => Vec::new(),
    };
    Ok(Image { interpreter: interpreter.map(|name| std::ffi::OsString::from_vec(name).into()), needed })
}

fn needed(file: &File, dynamic: &Segment, segments: &[Segment]) -> io::Result<Vec<String>> {
    let entries = bytes(file, dynamic.offset, dynamic.size.min(MAX_DYNAMIC) as usize)?;
    let entries = || entries.chunks_exact(16).map(|entry| (u64_at(entry, 0), u64_at(entry, 8)));
    let entries = || entries().take_while(|(tag, _)| *tag != 0);
    let Some((_, strings)) = entries().find(|(tag, _)| *tag == DT_STRTAB) else { return Ok(Vec::new()) };
    let loaded = segments
        .iter()
        .find(|it| it.kind == PT_LOAD && (it.address..it.address.saturating_add(it.size)).contains(&strings));
    let loaded = loaded.ok_or_else(|| bad("its string table is nowhere"))?;
    let strings = strings - loaded.address + loaded.offset;
    let names = entries().filter(|(tag, _)| *tag == DT_NEEDED).map(|(_, offset)| {
        let name = name(file, strings.checked_add(offset).ok_or_else(|| bad("a name is nowhere"))?)?;
        let name = String::from_utf8(name).map_err(|_| bad("a library's name is not text"))?;
        if name.contains('/') { Err(bad("it names a library by its path")) } else { Ok(name) }
    });
    names.collect()
}

/// Bytes up to a zero.
fn name(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut name = Vec::new();
    while (name.len() as u64) < MAX_NAME {
        let mut piece = [0; 64];
        let count = file.read_at(&mut piece, offset + name.len() as u64)?;
        match piece[..count].iter().position(|&byte| byte == 0) {
            Some(end) => {
                name.extend_from_slice(&piece[..end]);
                return Ok(name);
            }
            None if count == 0 => break,
            None => name.extend_from_slice(&piece[..count]),
        }
    }
    Err(bad("a name has no end"))
}

fn bytes(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    #[test]
    fn a_test_program_needs_what_the_loader_gave_it() {
        let path = std::env::current_exe().unwrap();
        let needs = needs(&File::open(&path).unwrap(), &path).unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let real = |path: &Path| std::fs::canonicalize(path).unwrap();
        for need in &needs {
            assert!(maps.contains(real(need).to_str().unwrap()), "{} is not mapped", need.display());
        }
        if maps.contains("libc.so.6") {
            assert!(needs.iter().any(|need| need.ends_with("libc.so.6")), "{needs:?}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_program_is_an_error_and_nothing_worse(at in 0usize..2000, with in any::<[u8; 8]>()) {
            let mut start = bytes(&File::open("/proc/self/exe").unwrap(), 0, 4096).unwrap();
            start[at..at + 8].copy_from_slice(&with);
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&start).unwrap();
            let _ = read(&file);
        }
    }
}
