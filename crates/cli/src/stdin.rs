//! Standard input, read in a thread of its own, as a read that waits can't be called off.

use std::io::{ErrorKind, Read};

use tokio::sync::mpsc;

/// What comes, at most `size` bytes at a time. The channel ends with the input.
pub fn read(size: usize) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; size];
        let mut stdin = std::io::stdin().lock();
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) if sender.blocking_send(buffer[..count].to_vec()).is_err() => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    });
    receiver
}
