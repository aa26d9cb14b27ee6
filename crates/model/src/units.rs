//! Sizes as types, so that a MiB is never taken for a GiB.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A count of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A count of mebibytes (2^20 bytes), EC2's unit of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mib(pub u64);

/// A count of gibibytes (2^30 bytes), EC2's unit of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gib(pub u64);

impl Bytes {
    /// The smallest number of whole GiB that holds this many bytes.
    pub fn ceil_gib(self) -> Gib {
        Gib(self.0.div_ceil(1 << 30))
    }
}

impl Mib {
    /// The same in bytes; saturates far beyond any real memory.
    pub fn bytes(self) -> Bytes {
        Bytes(self.0.saturating_mul(1 << 20))
    }
}

impl Gib {
    /// The same in bytes; saturates far beyond any real disk.
    pub fn bytes(self) -> Bytes {
        Bytes(self.0.saturating_mul(1 << 30))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

impl fmt::Display for Mib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0)
    }
}

impl fmt::Display for Gib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} GiB", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_up_to_gib() {
        assert_eq!(Bytes(0).ceil_gib(), Gib(0));
        assert_eq!(Bytes(1).ceil_gib(), Gib(1));
        assert_eq!(Gib(3).bytes().ceil_gib(), Gib(3));
    }
}
