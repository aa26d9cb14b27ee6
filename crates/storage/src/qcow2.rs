//! The header of a qcow2 file that came from outside: what is refused before anything else reads the file. Rules are
//! those of QEMU's `docs/interop/qcow2.txt`, "Header" and "Header extensions", narrowed to what an image needs.

use cumulet_model::Bytes;

use crate::MAX_DISK;

/// The first bytes of each qcow2 file.
pub const MAGIC: [u8; 4] = *b"QFI\xfb";
/// How many bytes from a file's start [`Header::parse`] wants to see; a shorter file gives what it has.
pub const HEAD_LEN: usize = 64 << 10;
/// The biggest first-level table that is taken: QEMU's own limit of 32 MiB.
const MAX_L1_BYTES: u64 = 32 << 20;
/// Header extensions beyond this count are no honest file's.
const MAX_EXTENSIONS: usize = 64;

/// Why a qcow2 file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The file ends within its header.
    #[error("the header is cut off")]
    CutOff,
    /// It is no qcow2 file.
    #[error("the file does not begin with the qcow2 magic")]
    NotQcow2,
    /// An unknown version.
    #[error("version {0} is not supported, only 2 and 3")]
    Version(u32),
    /// It names a file beneath it, which would read a file of the host.
    #[error("it has a backing file; flatten it with `qemu-img convert`")]
    BackingFile,
    /// Its data is in another file of the host.
    #[error("its data is in an external file")]
    ExternalData,
    /// It is encrypted.
    #[error("it is encrypted")]
    Encrypted,
    /// It was not closed in order, or known to be damaged.
    #[error("it is marked {0}; repair it with `qemu-img check -r all`")]
    Unclean(&'static str),
    /// It is compressed in a newer way.
    #[error("it uses {0}, which is not supported; rewrite it with `qemu-img convert`")]
    Unsupported(&'static str),
    /// Bits that nobody knows here.
    #[error("it has unknown incompatible features (bits {0:#x})")]
    UnknownFeatures(u64),
    /// Cluster size out of bounds.
    #[error("a cluster size of 2^{0} bytes is not within 2^9 to 2^21")]
    ClusterBits(u32),
    /// Refcount width out of bounds.
    #[error("a refcount width of 2^{0} bits is more than 64")]
    RefcountOrder(u32),
    /// A header length that can't be.
    #[error("a header length of {0} bytes is not within 104 and the cluster size")]
    HeaderLength(u32),
    /// A disk of no bytes, of an uneven number, or far too big.
    #[error("a disk of {0} bytes is empty, over the limit or not a multiple of 512")]
    Size(u64),
    /// The first-level table does not fit the disk.
    #[error("a first-level table of {entries} entries does not fit a disk of {size} bytes")]
    L1Size {
        /// What the header says.
        entries: u32,
        /// The disk's size.
        size: u64,
    },
    /// A table is not where a table can be.
    #[error("the {0} is not aligned to a cluster within the file")]
    Table(&'static str),
    /// The list of header extensions runs out of its cluster.
    #[error("the header extensions are not well formed")]
    Extensions,
}

/// What the checks proved of a file's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The disk as a guest sees it.
    pub size: Bytes,
}

impl Header {
    /// Checks the start of a file, at least [`HEAD_LEN`] bytes of it or all of it, whose length is `file_len`.
    pub fn parse(head: &[u8], file_len: u64) -> Result<Self, HeaderError> {
        let fields = Fields { head };
        if !head.starts_with(&MAGIC) {
            return Err(HeaderError::NotQcow2);
        }
        let version = fields.u32(4)?;
        if !matches!(version, 2 | 3) {
            return Err(HeaderError::Version(version));
        }
        if fields.u64(8)? != 0 || fields.u32(16)? != 0 {
            return Err(HeaderError::BackingFile);
        }
        if fields.u32(32)? != 0 {
            return Err(HeaderError::Encrypted);
        }
        let cluster_bits = fields.u32(20)?;
        if !(9..=21).contains(&cluster_bits) {
            return Err(HeaderError::ClusterBits(cluster_bits));
        }
        let header_length = if version == 3 { version_3(&fields, cluster_bits)? } else { 72 };
        extensions(&fields, header_length, cluster_bits)?;
        let size = fields.u64(24)?;
        if size == 0 || size > MAX_DISK.0 || size % 512 != 0 {
            return Err(HeaderError::Size(size));
        }
        tables(&fields, size, cluster_bits, file_len)?;
        Ok(Self { size: Bytes(size) })
    }
}

/// The first bytes of a file, big-endian fields at offsets.
struct Fields<'a> {
    head: &'a [u8],
}

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], HeaderError> {
        self.head.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(HeaderError::CutOff)
    }

    fn u32(&self, at: usize) -> Result<u32, HeaderError> {
        self.array(at).map(u32::from_be_bytes)
    }

    fn u64(&self, at: usize) -> Result<u64, HeaderError> {
        self.array(at).map(u64::from_be_bytes)
    }
}

/// Fields that version 3 added. Gives the header's length.
fn version_3(fields: &Fields<'_>, cluster_bits: u32) -> Result<u32, HeaderError> {
    let bits = fields.u64(72)?;
    let has = |bit: u32| bits & (1 << bit) != 0;
    match () {
        () if has(2) => return Err(HeaderError::ExternalData),
        () if has(1) => return Err(HeaderError::Unclean("corrupt")),
        () if has(0) => return Err(HeaderError::Unclean("dirty")),
        () if has(3) => return Err(HeaderError::Unsupported("another compression than zlib")),
        () if has(4) => return Err(HeaderError::Unsupported("extended L2 entries")),
        () if bits != 0 => return Err(HeaderError::UnknownFeatures(bits)),
        () => {}
    }
    let refcount_order = fields.u32(96)?;
    if refcount_order > 6 {
        return Err(HeaderError::RefcountOrder(refcount_order));
    }
    let length = fields.u32(100)?;
    if length < 104 || length > 1 << cluster_bits {
        Err(HeaderError::HeaderLength(length))
    } else {
        Ok(length)
    }
}

/// Walks the extensions; none may name another file.
fn extensions(fields: &Fields<'_>, header_length: u32, cluster_bits: u32) -> Result<(), HeaderError> {
    const END: u32 = 0;
    const BACKING_FORMAT: u32 = 0xe279_2aca;
    const EXTERNAL_DATA: u32 = 0x4441_5441;
    const FULL_DISK_ENCRYPTION: u32 = 0x0537_be77;
    let limit = (1usize << cluster_bits).min(fields.head.len());
    let mut at = header_length as usize;
    for _ in 0..MAX_EXTENSIONS {
        if at == limit {
            return Ok(());
        }
        let (kind, length) = (fields.u32(at)?, fields.u32(at + 4)? as usize);
        match kind {
            END => return Ok(()),
            BACKING_FORMAT => return Err(HeaderError::BackingFile),
            EXTERNAL_DATA => return Err(HeaderError::ExternalData),
            FULL_DISK_ENCRYPTION => return Err(HeaderError::Encrypted),
            _ => {}
        }
        let next = length.checked_next_multiple_of(8).and_then(|padded| padded.checked_add(at + 8));
        at = next.filter(|&next| next <= limit).ok_or(HeaderError::Extensions)?;
    }
    Err(HeaderError::Extensions)
}

/// The places of the two tables.
fn tables(fields: &Fields<'_>, size: u64, cluster_bits: u32, file_len: u64) -> Result<(), HeaderError> {
    let cluster = 1u64 << cluster_bits;
    let entries = fields.u32(36)?;
    // A second-level table is one cluster of 8-byte entries, each for one cluster of the disk.
    let needed = size.div_ceil(cluster * (cluster / 8));
    if u64::from(entries) < needed || u64::from(entries) * 8 > MAX_L1_BYTES {
        return Err(HeaderError::L1Size { entries, size });
    }
    let within = |offset: u64, bytes: u64| {
        offset != 0
            && offset.is_multiple_of(cluster)
            && offset.checked_add(bytes).is_some_and(|end| end <= file_len)
    };
    if !within(fields.u64(40)?, u64::from(entries) * 8) {
        return Err(HeaderError::Table("first-level table"));
    }
    let refcount_bytes = u64::from(fields.u32(56)?) << cluster_bits;
    if !within(fields.u64(48)?, refcount_bytes) {
        return Err(HeaderError::Table("refcount table"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
