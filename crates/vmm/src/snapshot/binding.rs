//! The page behind the memory in its file: it says whose memory this is, so that no state is ever restored on another
//! machine's memory, nor on one that was not written to its end.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MAGIC: &[u8; 16] = b"CUMULET VM-RAM 1";
/// Bytes of the page.
pub const LENGTH: u64 = 4096;
const USED: usize = 72;

/// Why a memory file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// It can't be read or written.
    #[error("the memory file can't be accessed")]
    Io(#[source] io::Error),
    /// Its length is wrong.
    #[error("the memory file has {found} bytes instead of {expected}")]
    Length {
        /// What there is.
        found: u64,
        /// Memory and this page.
        expected: u64,
    },
    /// It was not written to its end, or is something else.
    #[error("the memory file is not complete, or is no memory file")]
    Incomplete,
    /// It belongs to another snapshot.
    #[error("the memory file belongs to another state")]
    Other,
}

/// Writes the page, as the last act of saving memory.
pub fn write(file: &File, memory_bytes: u64, id: &str) -> Result<(), BindingError> {
    let mut page = [0; LENGTH as usize];
    page[..USED].copy_from_slice(&head(memory_bytes, id));
    file.write_all_at(&page, memory_bytes).map_err(BindingError::Io)
}

/// Checks that `file` holds `memory_bytes` of memory that belong to the state `id`.
pub fn check(file: &File, memory_bytes: u64, id: &str) -> Result<(), BindingError> {
    let found = file.metadata().map_err(BindingError::Io)?.len();
    let expected = memory_bytes.saturating_add(LENGTH);
    if found != expected {
        return Err(BindingError::Length { found, expected });
    }
    let mut page = [0; USED];
    file.read_exact_at(&mut page, memory_bytes).map_err(BindingError::Io)?;
    let wanted = head(memory_bytes, id);
    if page == wanted {
        Ok(())
    } else if page[..16] == wanted[..16] {
        Err(BindingError::Other)
    } else {
        Err(BindingError::Incomplete)
    }
}

/// Magic, bytes of memory, zeroes, and a digest of those and the id.
fn head(memory_bytes: u64, id: &str) -> [u8; USED] {
    let mut head = [0; USED];
    head[..16].copy_from_slice(MAGIC);
    head[16..24].copy_from_slice(&memory_bytes.to_le_bytes());
    let digest = Sha256::new().chain_update(&head[..40]).chain_update(id).finalize();
    head[40..].copy_from_slice(&digest);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_memory_of_the_same_snapshot_is_taken() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        assert!(matches!(
            check(&file, 8192, "a"),
            Err(BindingError::Length { found: 8192, expected: 12_288 })
        ));
        file.set_len(12_288).unwrap();
        assert!(matches!(check(&file, 8192, "a"), Err(BindingError::Incomplete)));
        write(&file, 8192, "a").unwrap();
        check(&file, 8192, "a").unwrap();
        assert!(matches!(check(&file, 8192, "b"), Err(BindingError::Other)));
        assert!(matches!(check(&file, 4096, "a"), Err(BindingError::Length { .. })));
    }
}
