//! What the guest has written to its console: the newest bytes, by their offset from the machine's start. The vCPU
//! that writes only appends here; the main loop takes it to the log and to readers a little later.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// The console's output.
#[derive(Debug)]
pub struct Console {
    inner: Mutex<Inner>,
    dirty: EventFd,
}

#[derive(Debug)]
struct Inner {
    kept: VecDeque<u8>,
    end: u64,
    bound: usize,
    dirty: bool,
    /// Whether a line has ended since it became dirty.
    line: bool,
}

impl Console {
    /// Keeps the newest `bound` bytes.
    pub fn new(bound: u64) -> io::Result<Self> {
        let inner = Inner { kept: VecDeque::new(), end: 0, bound: bound as usize, dirty: false, line: false };
        Ok(Self { inner: Mutex::new(inner), dirty: EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK)? })
    }

    /// Readable when there are new bytes since [`Console::clean`], and again when a line of them has ended.
    pub fn dirty(&self) -> &EventFd {
        &self.dirty
    }

    /// Offset of the next byte.
    pub fn end(&self) -> u64 {
        self.lock().end
    }

    /// Whether a line has ended since [`Console::clean`].
    pub fn has_line(&self) -> bool {
        self.lock().line
    }

    /// From now on new bytes make it dirty again.
    pub fn clean(&self) {
        let _ = self.dirty.read();
        let mut inner = self.lock();
        (inner.dirty, inner.line) = (false, false);
    }

    /// At most `max` bytes from `offset` on, or the last `max` bytes; with the offset of the first one and of the
    /// next byte to come.
    pub fn read(&self, offset: Option<u64>, max: usize) -> (u64, Vec<u8>, u64) {
        let inner = self.lock();
        let oldest = inner.end - inner.kept.len() as u64;
        let wanted = offset.unwrap_or_else(|| inner.end.saturating_sub(max as u64));
        let start = wanted.clamp(oldest, inner.end);
        let skip = (start - oldest) as usize;
        let data = inner.kept.iter().skip(skip).take(max).copied().collect();
        (start, data, inner.end)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no thread panicked")
    }
}

/// The end of the console that the serial port writes to.
#[derive(Debug, Clone)]
pub struct ConsoleWriter(pub Arc<Console>);

impl io::Write for ConsoleWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.lock();
        for byte in bytes {
            if inner.kept.len() == inner.bound {
                inner.kept.pop_front();
            }
            inner.kept.push_back(*byte);
            inner.end += 1;
        }
        let first = !std::mem::replace(&mut inner.dirty, true);
        let ends = bytes.contains(&b'\n') && !std::mem::replace(&mut inner.line, true);
        drop(inner);
        if first || ends {
            self.0.dirty.write(1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    proptest! {
        #[test]
        fn a_reader_who_keeps_up_misses_nothing(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..20), max in 1usize..20,
        ) {
            let console = Arc::new(Console::new(64).unwrap());
            let (mut read, mut offset) = (Vec::new(), 0);
            for piece in &pieces {
                ConsoleWriter(console.clone()).write_all(piece).unwrap();
                while offset < console.end() {
                    let (start, data, _) = console.read(Some(offset), max);
                    prop_assert!(start == offset && !data.is_empty() && data.len() <= max);
                    offset += data.len() as u64;
                    read.extend(data);
                }
            }
            prop_assert_eq!(read, pieces.concat());
        }

        #[test]
        fn it_wakes_at_the_first_byte_and_at_the_first_lines_end(text in "[a\n]{0,20}") {
            let console = Arc::new(Console::new(64).unwrap());
            let mut wakes = Vec::new();
            for (at, byte) in text.bytes().enumerate() {
                ConsoleWriter(console.clone()).write_all(&[byte]).unwrap();
                wakes.extend(console.dirty().read().is_ok().then_some(at));
            }
            let line = text.find('\n');
            let mut expected: Vec<_> = (!text.is_empty()).then_some(0).into_iter().chain(line).collect();
            expected.dedup();
            prop_assert_eq!((wakes, console.has_line()), (expected, line.is_some()));
            console.clean();
            prop_assert!(!console.has_line());
        }

        #[test]
        fn only_the_newest_bytes_are_kept(bytes in prop::collection::vec(any::<u8>(), 0..200), offset in 0u64..250) {
            let console = Arc::new(Console::new(64).unwrap());
            ConsoleWriter(console.clone()).write_all(&bytes).unwrap();
            let (start, data, end) = console.read(Some(offset), 1000);
            prop_assert_eq!(end, bytes.len() as u64);
            prop_assert_eq!(&data[..], &bytes[start as usize..]);
            prop_assert!(data.len() <= 64);
            prop_assert_eq!(console.read(None, 5).1, bytes[bytes.len().saturating_sub(5)..].to_vec());
        }
    }
}
