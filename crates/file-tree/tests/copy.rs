//! Trees copied from one directory to another, and streams that want to lead out of theirs.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use cumulet_agent_protocol::files::Facts;
use cumulet_agent_protocol::{Copied, Entry};
use cumulet_file_tree::{Owner, Piece, Receiver, TreeError, send};
use proptest::prelude::*;
use tempfile::TempDir;

fn copy(from: &Path, to: &Path) -> Result<Copied, TreeError> {
    let mut receiver = Receiver::new(to, Owner::default())?;
    let mut failed = None;
    let mut whole = false;
    let sent = send(from, &mut |piece| match receiver.take(piece) {
        Ok(done) => {
            whole = done;
            Ok(())
        }
        Err(error) => {
            failed = Some(error);
            Err(io::Error::other("the receiver failed"))
        }
    });
    match failed {
        Some(error) => Err(error),
        None => {
            let sent = sent?;
            assert!(whole);
            assert_eq!((sent.entries, sent.bytes), (receiver.copied().entries, receiver.copied().bytes));
            Ok(sent)
        }
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_tree_arrives_with_modes_times_and_links() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("from/sub/empty")).unwrap();
    write(&at("from/tool"), "#!/bin/sh\n", 0o755);
    write(&at("from/sub/big"), &"x".repeat(100_000), 0o4640);
    symlink("../nowhere", at("from/sub/link")).unwrap();
    fs::set_permissions(at("from/sub"), fs::Permissions::from_mode(0o550)).unwrap();

    let copied = copy(&at("from"), &at("to")).unwrap();
    assert_eq!((copied.entries, copied.bytes, copied.left_out.len()), (6, 100_010, 0));
    assert_eq!(fs::read_to_string(at("to/sub/big")).unwrap().len(), 100_000);
    assert_eq!((mode(&at("to/tool")), mode(&at("to/sub"))), (0o755, 0o550));
    assert_eq!(mode(&at("to/sub/big")), 0o640, "no set-id bit travels");
    assert_eq!(fs::read_link(at("to/sub/link")).unwrap(), Path::new("../nowhere"));
    let times = [at("from/tool"), at("to/tool")].map(|path| fs::metadata(path).unwrap().mtime());
    assert_eq!(times[0], times[1]);

    copy(&at("from"), &at("to")).unwrap();
    assert!(at("to/from/sub/empty").is_dir(), "what is there gets it under its own name");
    fs::set_permissions(at("from/sub"), fs::Permissions::from_mode(0o755)).unwrap();
    for sub in ["to/sub", "to/from/sub"] {
        fs::set_permissions(at(sub), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_file_takes_a_name_or_a_place_in_a_directory() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    write(&at("a"), "new", 0o600);
    fs::create_dir(at("d")).unwrap();
    write(&at("d/old"), "a longer old text", 0o644);
    copy(&at("a"), &at("d")).unwrap();
    copy(&at("a"), &at("d/old")).unwrap();
    assert_eq!(fs::read_to_string(at("d/a")).unwrap(), "new");
    assert_eq!(fs::read_to_string(at("d/old")).unwrap(), "new");
    assert!(copy(&at("a"), &at("missing/b")).unwrap_err().is_not_found());
    assert!(copy(&at("missing"), &at("b")).unwrap_err().is_not_found());
    assert!(matches!(copy(&at("a"), &at("b/")), Err(TreeError::Refused(_))));
    assert!(copy(&at("d"), &at("a")).is_err(), "a directory does not replace a file");
    fs::create_dir(at("d/x")).unwrap();
    let mut receiver = Receiver::new(&at("d"), Owner::default()).unwrap();
    receiver.take(file("x")).unwrap();
    assert!(matches!(receiver.take(Piece::End), Err(TreeError::Refused(_))), "nor a file a directory");
    assert_eq!(fs::read_dir(at("d")).unwrap().count(), 3, "nothing half done is left");
}

#[test]
fn what_can_not_travel_is_left_out_and_told() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("from")).unwrap();
    write(&at("from/good"), "g", 0o644);
    let bad = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
    fs::write(at("from").join(bad), "").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("from/socket")).unwrap();
    let copied = copy(&at("from"), &at("to")).unwrap();
    assert_eq!(copied.left_out.len(), 2, "{copied:?}");
    assert_eq!(fs::read_dir(at("to")).unwrap().count(), 1);
}

fn file(name: &str) -> Piece<'static> {
    Piece::Entry(Entry::File(Facts { name: name.into(), mode: 0o644, modified: 0 }))
}

fn directory(name: &str) -> Piece<'static> {
    Piece::Entry(Entry::Directory(Facts { name: name.into(), mode: 0o755, modified: 0 }))
}

#[test]
fn no_stream_leads_out_of_its_directory() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("outside")).unwrap();
    fs::create_dir_all(at("inside/there")).unwrap();
    let receiver = || Receiver::new(&at("inside"), Owner::default()).unwrap();
    for name in ["", ".", "..", "/etc", "a/b", "../outside/x", "a\0b", &"x".repeat(256)] {
        assert!(receiver().take(file(name)).is_err(), "{name:?}");
        assert!(receiver().take(directory(name)).is_err(), "{name:?}");
    }
    // A link, and then through it.
    let link =
        || Piece::Entry(Entry::Link { name: "l".into(), target: at("outside").to_str().unwrap().into() });
    let mut receiver = receiver();
    receiver.take(directory("tree")).unwrap();
    receiver.take(link()).unwrap();
    assert!(receiver.take(directory("l")).is_err());
    assert!(receiver.take(file("l/x")).is_err());
    // A file of the link's name takes the link's place.
    receiver.take(file("l")).unwrap();
    receiver.take(Piece::Data(b"inside")).unwrap();
    receiver.take(Piece::End).unwrap();
    assert!(receiver.take(Piece::Entry(Entry::Up)).unwrap());
    assert_eq!(fs::read_dir(at("outside")).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(at("inside/tree/l")).unwrap(), "inside");
    assert!(receiver.take(Piece::Entry(Entry::Up)).is_err(), "and not above its beginning");
}

#[test]
fn half_a_file_is_not_left_behind() {
    let dir = TempDir::new().unwrap();
    let mut receiver = Receiver::new(dir.path(), Owner::default()).unwrap();
    receiver.take(file("f")).unwrap();
    receiver.take(Piece::Data(b"half")).unwrap();
    drop(receiver);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_tree_that_never_ends_is_refused() {
    let dir = TempDir::new().unwrap();
    let mut receiver = Receiver::new(dir.path(), Owner::default()).unwrap();
    let deep = (0..1000).map(|_| receiver.take(directory("d"))).position(|taken| taken.is_err());
    assert_eq!(deep, Some(cumulet_agent_protocol::files::MAX_DEPTH));
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0u8..7, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_order_of_pieces_is_taken_or_refused_and_stays_inside(order in pieces()) {
        let dir = TempDir::new().unwrap();
        let inside = dir.path().join("inside");
        fs::create_dir(&inside).unwrap();
        let mut receiver = Receiver::new(&inside, Owner::default()).unwrap();
        for number in order {
            let piece = match number {
                0 => file("a"),
                1 => directory("d"),
                2 => Piece::Entry(Entry::Link { name: "d".into(), target: "..".into() }),
                3 => Piece::Entry(Entry::Link { name: "a".into(), target: "../../x".into() }),
                4 => Piece::Data(b"x"),
                5 => Piece::End,
                _ => Piece::Entry(Entry::Up),
            };
            if receiver.take(piece).is_err() {
                break;
            }
        }
        drop(receiver);
        prop_assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
