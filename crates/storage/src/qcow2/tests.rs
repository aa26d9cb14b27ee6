//! The header's checks, against arbitrary bytes and against headers with one lie each.

use super::*;
use proptest::prelude::*;

const FILE_LEN: u64 = 1 << 20;

/// A header that is in order: 1 GiB, clusters of 64 KiB.
fn good() -> Vec<u8> {
    let mut head = vec![0; HEAD_LEN];
    head[..4].copy_from_slice(&MAGIC);
    set32(&mut head, 4, 3);
    set32(&mut head, 20, 16);
    set64(&mut head, 24, 1 << 30);
    set32(&mut head, 36, 2);
    set64(&mut head, 40, 3 << 16);
    set64(&mut head, 48, 1 << 16);
    set32(&mut head, 56, 1);
    set32(&mut head, 96, 4);
    set32(&mut head, 100, 104);
    head
}

fn set32(head: &mut [u8], at: usize, value: u32) {
    head[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

fn set64(head: &mut [u8], at: usize, value: u64) {
    head[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

fn with32(at: usize, value: u32) -> Result<Header, HeaderError> {
    let mut head = good();
    set32(&mut head, at, value);
    Header::parse(&head, FILE_LEN)
}

fn with64(at: usize, value: u64) -> Result<Header, HeaderError> {
    let mut head = good();
    set64(&mut head, at, value);
    Header::parse(&head, FILE_LEN)
}

#[test]
fn a_header_in_order_is_taken() {
    assert_eq!(Header::parse(&good(), FILE_LEN), Ok(Header { size: Bytes(1 << 30) }));
}

#[test]
fn each_lie_is_named() {
    assert_eq!(with32(0, 0), Err(HeaderError::NotQcow2));
    assert_eq!(with32(4, 4), Err(HeaderError::Version(4)));
    assert_eq!(with64(8, 512), Err(HeaderError::BackingFile));
    assert_eq!(with32(16, 9), Err(HeaderError::BackingFile));
    assert_eq!(with32(20, 31), Err(HeaderError::ClusterBits(31)));
    assert_eq!(with64(24, 0), Err(HeaderError::Size(0)));
    assert_eq!(with64(24, 1 << 60), Err(HeaderError::Size(1 << 60)));
    assert_eq!(with64(24, 1000), Err(HeaderError::Size(1000)));
    assert_eq!(with32(32, 1), Err(HeaderError::Encrypted));
    assert_eq!(with32(36, 1), Err(HeaderError::L1Size { entries: 1, size: 1 << 30 }));
    assert_eq!(with32(36, u32::MAX), Err(HeaderError::L1Size { entries: u32::MAX, size: 1 << 30 }));
    assert_eq!(with64(40, FILE_LEN), Err(HeaderError::Table("first-level table")));
    assert_eq!(with64(40, 5), Err(HeaderError::Table("first-level table")));
    assert_eq!(with64(48, u64::MAX << 16), Err(HeaderError::Table("refcount table")));
    assert_eq!(with64(72, 1), Err(HeaderError::Unclean("dirty")));
    assert_eq!(with64(72, 2), Err(HeaderError::Unclean("corrupt")));
    assert_eq!(with64(72, 4), Err(HeaderError::ExternalData));
    assert_eq!(with64(72, 1 << 40), Err(HeaderError::UnknownFeatures(1 << 40)));
    assert_eq!(with32(96, 7), Err(HeaderError::RefcountOrder(7)));
    assert_eq!(with32(100, 103), Err(HeaderError::HeaderLength(103)));
}

#[test]
fn an_extension_that_names_another_file_is_found_behind_others() {
    let mut head = good();
    set32(&mut head, 104, 0x6803_f857);
    set32(&mut head, 108, 48);
    set32(&mut head, 160, 0x4441_5441);
    assert_eq!(Header::parse(&head, FILE_LEN), Err(HeaderError::ExternalData));
    set32(&mut head, 108, u32::MAX);
    assert_eq!(Header::parse(&head, FILE_LEN), Err(HeaderError::Extensions));
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(mut head in prop::collection::vec(any::<u8>(), 0..300), len: u64, magic: bool) {
        if magic && head.len() >= 4 {
            head[..4].copy_from_slice(&MAGIC);
        }
        let _ = Header::parse(&head, len);
    }

    #[test]
    fn whatever_else_is_changed_a_backing_file_is_never_taken(
        changes in prop::collection::vec((0usize..160, any::<u8>()), 0..12), offset in 1u64.., len: u64,
    ) {
        let mut head = good();
        for (at, byte) in changes {
            head[at] = byte;
        }
        set64(&mut head, 8, offset);
        prop_assert!(Header::parse(&head, len).is_err());
    }

    #[test]
    fn what_is_taken_is_bounded(
        changes in prop::collection::vec((4usize..160, any::<u8>()), 0..4), len in 0u64..1 << 44,
    ) {
        let mut head = good();
        for (at, byte) in changes {
            head[at] = byte;
        }
        if let Ok(header) = Header::parse(&head, len) {
            prop_assert!(header.size <= MAX_DISK && header.size.0 > 0);
            prop_assert!(head[8..20].iter().all(|&byte| byte == 0), "no backing file");
        }
    }
}
