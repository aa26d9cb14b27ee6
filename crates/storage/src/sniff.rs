//! What a file is, told by its first bytes.

/// What a disk file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// QEMU's format.
    Qcow2,
    /// Something that would make no disk, with its article.
    Foreign(&'static str),
    /// Anything else: the bytes of a disk.
    Raw,
}

/// Files that are often taken for disks. None of these bytes begins a boot sector, whose first bytes are code.
const FOREIGN: [(&[u8], &str); 8] = [
    (b"\xfd7zXZ\0", "an xz-compressed file"),
    (b"\x1f\x8b\x08", "a gzip-compressed file"),
    (b"\x28\xb5\x2f\xfd", "a zstd-compressed file"),
    (b"BZh", "a bzip2-compressed file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"KDMV", "a VMDK disk"),
    (b"vhdxfile", "a VHDX disk"),
    (b"\x7fELF", "an ELF program"),
];

/// Tells by the first bytes of a file.
pub fn sniff(head: &[u8]) -> Content {
    if head.starts_with(&crate::qcow2::MAGIC) {
        return Content::Qcow2;
    }
    let foreign = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic));
    foreign.map_or(Content::Raw, |(_, what)| Content::Foreign(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        assert_eq!(sniff(b"QFI\xfb\0\0\0\x03"), Content::Qcow2);
        assert_eq!(sniff(b"\xfd7zXZ\0\0"), Content::Foreign("an xz-compressed file"));
        assert_eq!(sniff(b"\xeb\x63\x90"), Content::Raw, "a boot sector");
        assert_eq!(sniff(&[0; 512]), Content::Raw, "a disk without one");
        assert_eq!(sniff(b""), Content::Raw);
    }
}
