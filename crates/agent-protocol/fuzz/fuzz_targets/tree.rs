//! Any frames as a tree that a guest sends, or that a host sends into a guest: whatever they say, nothing is made outside
//! of the directory that was given, and nothing that was there is changed.
#![no_main]

use std::fs;
use std::path::Path;

use cumulet_agent_protocol::{Channel, ClientMessage, Decoder, Frame};
use cumulet_file_tree::{Owner, Piece, Receiver};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).unwrap();
    let (inside, outside) = (dir.path().join("inside"), dir.path().join("outside"));
    for folder in [&inside, &outside] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("there"), "there").unwrap();
    }
    std::os::unix::fs::symlink(&outside, inside.join("way")).unwrap();
    receive(&inside, bytes);
    let left = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!((left(dir.path()), left(&outside)), (2, 1));
    assert_eq!(fs::read_to_string(outside.join("there")).unwrap(), "there");
});

fn receive(inside: &Path, bytes: &[u8]) {
    let mut receiver = Receiver::new(inside, Owner::default()).unwrap();
    let mut decoder = Decoder::default();
    decoder.feed(bytes);
    while let Ok(Some(frame)) = decoder.next_frame() {
        if !matches!(take(&mut receiver, &frame), Some(false)) {
            return;
        }
    }
}

fn take(receiver: &mut Receiver, frame: &Frame) -> Option<bool> {
    let piece = match frame.channel {
        Channel::Data => Piece::Data(&frame.payload),
        _ => match frame.read_message().ok()? {
            ClientMessage::Entry(entry) => Piece::Entry(entry),
            ClientMessage::End => Piece::End,
            _ => return None,
        },
    };
    receiver.take(piece).ok()
}
