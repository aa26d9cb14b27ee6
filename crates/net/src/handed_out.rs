//! The taps that were handed out: the daemon keeps each file open beside the VMM that has it, so that a tap which
//! somebody deletes can be made again for the same file, and the guest is on the network again.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::debug;

use crate::sys::tap::{self, Queues};

/// What was handed out in one namespace, by the taps' names. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct HandedOut(Arc<Mutex<BTreeMap<String, Socket>>>);

#[derive(Debug)]
struct Socket {
    /// One for each queue.
    files: Vec<OwnedFd>,
    /// Length of the header before each frame, once the VMM had time to set it.
    header: Option<i32>,
}

/// What became of a tap that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nobody was given it.
    New,
    /// It was made again for who has it.
    MadeAgain,
    /// Somebody has the one that is gone and can't be helped.
    CutOff,
}

impl HandedOut {
    /// Lets go of a tap, so that another can open it.
    pub fn let_go(&self, name: &str) {
        self.lock().remove(name);
    }

    /// Remembers a tap that is handed out.
    pub fn add(&self, name: &str, files: &[OwnedFd]) -> std::io::Result<()> {
        let files = files.iter().map(OwnedFd::try_clone).collect::<std::io::Result<_>>()?;
        self.lock().insert(name.to_owned(), Socket { files, header: None });
        Ok(())
    }

    /// Lets go of all taps but those wanted, and notes how these are used.
    pub fn look(&self, is_wanted: impl Fn(&String) -> bool) {
        let mut sockets = self.lock();
        sockets.retain(|name, _| is_wanted(name));
        for socket in sockets.values_mut() {
            socket.header = socket.files.first().and_then(tap::header).or(socket.header);
        }
    }

    /// Makes a tap that is gone again for who has it.
    pub fn make_again(&self, name: &str) -> Missing {
        let mut sockets = self.lock();
        let Some(socket) = sockets.get(name) else { return Missing::New };
        let queues = if socket.files.len() > 1 { Queues::Several } else { Queues::One };
        let again =
            |header| socket.files.iter().try_for_each(|file| tap::make_again(file, name, header, queues));
        match socket.header.map(again) {
            Some(Ok(())) => Missing::MadeAgain,
            failed => {
                debug!(tap = name, ?failed, "a tap can't be made again for who has it");
                sockets.remove(name);
                Missing::CutOff
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Socket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
