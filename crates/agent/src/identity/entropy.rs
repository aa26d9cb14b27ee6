//! The kernel's random state, and the seed that the next boot begins with.

use std::fs::OpenOptions;

use rustix::rand::{GetRandomFlags, getrandom};

use cumulet_agent_protocol::identity::MAX_ENTROPY;

use super::{Step, cannot};
use crate::{System, sys};

/// systemd-random-seed(8).
const SEED_FILE: &str = "/var/lib/systemd/random-seed";

/// Adds to the random state and draws on it anew.
pub fn add(system: &System, bytes: &[u8]) -> Step {
    if bytes.len() > MAX_ENTROPY {
        return Err(format!("{} bytes are too many, at most {MAX_ENTROPY} are taken", bytes.len()));
    }
    if system.is_real() {
        let random =
            OpenOptions::new().write(true).open("/dev/urandom").map_err(cannot("open /dev/urandom"))?;
        sys::add_entropy(&random.into(), bytes).map_err(cannot("add entropy"))?;
    }
    // Else the machine and its source would give their next kernels the same.
    if system.path(SEED_FILE).is_file() {
        let mut seed = [0; 512];
        getrandom(&mut seed, GetRandomFlags::empty()).map_err(cannot("get random bytes"))?;
        system.write(SEED_FILE, &seed, 0o600).map_err(cannot("write the seed"))?;
    }
    Ok(())
}
