//! How many files the daemon may hold open. Each guest can make it hold some: connections to the metadata service and
//! to DNS are bounded for each, but a soft limit of 1024, as most hosts begin with, is the sum of a few hostile ones.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Lifts the limit of open files to what the host lets us have.
pub fn lift_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, "the limit of open files can't be lifted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        lift_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
