//! Whose kernel an ELF image is, by its notes: Linux's have some of the owner "Linux" (its salt, since 4.18).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const PT_NOTE: u32 = 4;
/// Bounds of what is read: of an image that has more, no more is looked at.
const MAX_HEADERS: u64 = 64;
const MAX_NOTES: u64 = 64 << 10;
/// Sizes of name and content, and the kind.
const NOTE_HEADER: usize = 12;

/// Whether this 64-bit ELF image is a Linux kernel.
pub fn is_linux(kernel: &File) -> io::Result<bool> {
    let mut header = [0; 64];
    kernel.read_exact_at(&mut header, 0)?;
    let (start, size) = (quad(&header, 32), u64::from(half(&header, 54)));
    for index in 0..u64::from(half(&header, 56)).min(MAX_HEADERS) {
        let mut segment = [0; 56];
        kernel.read_exact_at(&mut segment, start.saturating_add(index * size))?;
        if word(&segment, 0) == PT_NOTE {
            let mut notes = vec![0; quad(&segment, 32).min(MAX_NOTES) as usize];
            kernel.read_exact_at(&mut notes, quad(&segment, 8))?;
            if has_owner(&notes, b"Linux\0") {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Notes follow each other, names and contents padded to 4 bytes.
fn has_owner(mut notes: &[u8], owner: &[u8]) -> bool {
    while notes.len() >= NOTE_HEADER {
        let (name, content) = (word(notes, 0) as usize, word(notes, 4) as usize);
        let rest = &notes[NOTE_HEADER..];
        if rest.get(..name) == Some(owner) {
            return true;
        }
        let length = name.next_multiple_of(4).saturating_add(content.next_multiple_of(4));
        notes = rest.get(length..).unwrap_or(&[]);
    }
    false
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from(half(bytes, at)) | u32::from(half(bytes, at + 2)) << 16
}

fn quad(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn note(owner: &[u8], content: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for number in [owner.len() as u32, content.len() as u32, 1] {
            note.extend(number.to_le_bytes());
        }
        for part in [owner, content] {
            note.extend(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    fn image(notes: &[u8]) -> File {
        let mut bytes = vec![0; 64 + 56];
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64] = PT_NOTE as u8;
        bytes[64 + 8] = 120;
        bytes[64 + 32..64 + 36].copy_from_slice(&(notes.len() as u32).to_le_bytes());
        bytes.extend(notes);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn linux_is_told_by_the_owner_of_a_note() {
        let (xen, linux) = (note(b"Xen\0", &[1, 2, 3]), note(b"Linux\0", &[0]));
        assert!(is_linux(&image(&[xen.clone(), linux.clone()].concat())).unwrap());
        assert!(is_linux(&image(&[linux, xen.clone()].concat())).unwrap());
        assert!(!is_linux(&image(&xen)).unwrap());
        assert!(!is_linux(&image(&note(b"Linux\0\0", b""))).unwrap());
        assert!(!is_linux(&image(b"")).unwrap());
        assert!(is_linux(&tempfile::tempfile().unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn any_notes_come_to_an_end(notes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = is_linux(&image(&notes));
        }
    }
}
