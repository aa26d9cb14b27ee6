//! The file around what is saved: 64 bytes of head, then JSON.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 15 | `CUMULET VM-SAVE\n` |
//! | 16 to 19 | version of the format, little-endian |
//! | 20 to 23 | kind of the content |
//! | 24 to 31 | bytes of the content |
//! | 32 to 63 | SHA-256 of the first 32 bytes and the content |
//!
//! A file is believed only when all of that is right. The checksum finds damage; it is no proof against somebody who
//! wants to deceive, so everything in the content is checked as well.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MAGIC: &[u8; 16] = b"CUMULET VM-SAVE\n";
const HEAD: usize = 64;
/// Longest content: 64 vCPUs take 2 MiB.
const MAX_CONTENT: u64 = 32 << 20;

/// The version this program writes, and the only one it reads.
pub const VERSION: u32 = 1;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A machine's state.
    State = 1,
    /// The list of pages to fetch ahead.
    WorkingSet = 2,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It can't be read or written.
    #[error("the file can't be accessed")]
    Io(#[source] io::Error),
    /// It is something else.
    #[error("this is no file of a saved machine")]
    NotOurs,
    /// It is from another version of this program.
    #[error("the file has version {found} of the format; this program knows version {VERSION}")]
    Version {
        /// The file's.
        found: u32,
    },
    /// A state where a working set is expected, or the like.
    #[error("the file holds another part of a saved machine")]
    Kind,
    /// It ends too early, or goes on too long.
    #[error("the file has {found} bytes instead of {expected}")]
    Length {
        /// What there is.
        found: u64,
        /// What its head says.
        expected: u64,
    },
    /// It was damaged.
    #[error("the file's checksum is wrong")]
    Checksum,
    /// Its content is not what this version has.
    #[error("the file's content can't be read")]
    Content(#[source] serde_json::Error),
}

/// The bytes of a file that holds `content`.
pub fn encode(kind: Kind, content: &impl Serialize) -> Result<Vec<u8>, FormatError> {
    let mut file = vec![0; HEAD];
    serde_json::to_writer(&mut file, content).map_err(FormatError::Content)?;
    let length = (file.len() - HEAD) as u64;
    file[..16].copy_from_slice(MAGIC);
    file[16..20].copy_from_slice(&VERSION.to_le_bytes());
    file[20..24].copy_from_slice(&(kind as u32).to_le_bytes());
    file[24..32].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&file);
    file[32..64].copy_from_slice(&checksum);
    Ok(file)
}

/// The content of a file.
pub fn decode<T: DeserializeOwned>(kind: Kind, file: &[u8]) -> Result<T, FormatError> {
    let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| file[at + index]));
    if file.len() < HEAD || &file[..16] != MAGIC {
        return Err(FormatError::NotOurs);
    }
    if word(16) != VERSION {
        return Err(FormatError::Version { found: word(16) });
    }
    let expected = (HEAD as u64).saturating_add(u64::from(word(24)) | u64::from(word(28)) << 32);
    if file.len() as u64 != expected {
        return Err(FormatError::Length { found: file.len() as u64, expected });
    }
    if file[32..HEAD] != checksum(file) {
        return Err(FormatError::Checksum);
    }
    if word(20) != kind as u32 {
        return Err(FormatError::Kind);
    }
    serde_json::from_slice(&file[HEAD..]).map_err(FormatError::Content)
}

fn checksum(file: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(&file[..32]).chain_update(&file[HEAD..]).finalize().into()
}

/// Writes a file whole, to the disk where it is on one.
pub fn write(file: &File, kind: Kind, content: &impl Serialize) -> Result<(), FormatError> {
    let bytes = encode(kind, content)?;
    let put = || {
        file.write_all_at(&bytes, 0)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_data()
    };
    put().map_err(FormatError::Io)
}

/// Reads a file whole, by position: others may read from the same description.
pub fn read<T: DeserializeOwned>(file: &File, kind: Kind) -> Result<T, FormatError> {
    let length = file.metadata().map_err(FormatError::Io)?.len();
    if length > MAX_CONTENT {
        return Err(FormatError::NotOurs);
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, 0).map_err(FormatError::Io)?;
    decode(kind, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        encode(Kind::State, &vec!["one", "two"]).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(decode::<Vec<String>>(Kind::State, &sample()).unwrap(), ["one", "two"]);
    }

    #[test]
    fn another_version_is_named() {
        let mut file = sample();
        file[16] = 9;
        let error = decode::<Vec<String>>(Kind::State, &file).unwrap_err();
        assert!(matches!(error, FormatError::Version { found: 9 }), "{error}");
    }

    #[test]
    fn a_state_is_not_a_working_set() {
        assert!(matches!(decode::<Vec<String>>(Kind::WorkingSet, &sample()), Err(FormatError::Kind)));
    }

    proptest! {
        #[test]
        fn no_damaged_file_is_believed(at in 0usize..78, bit in 0u8..8) {
            let mut file = sample();
            prop_assume!(at < file.len());
            file[at] ^= 1 << bit;
            prop_assert!(decode::<Vec<String>>(Kind::State, &file).is_err());
        }

        #[test]
        fn no_file_of_another_length_is_believed(cut in 1usize..70, more in 1usize..9) {
            let file = sample();
            prop_assert!(decode::<Vec<String>>(Kind::State, &file[..file.len() - cut]).is_err());
            prop_assert!(decode::<Vec<String>>(Kind::State, &[&file[..], &vec![0; more]].concat()).is_err());
        }
    }
}
