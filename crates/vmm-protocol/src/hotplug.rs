//! Adding devices to a running machine and taking them away.

use crate::{Disk, NetInterface};
use serde::{Deserialize, Serialize};

/// Parameters of [`crate::Command::AttachDisk`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachDisk {
    /// The disk, as in a specification; its sources are descriptors of the message.
    pub disk: Disk,
}

/// Parameters of [`crate::Command::AttachNet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachNet {
    /// The interface, as in a specification; its tap is a descriptor of the message.
    pub net: NetInterface,
}

/// Parameters of [`crate::Command::Detach`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detach {
    /// The disk's or interface's id.
    pub id: String,
    /// Whether to take it away without the guest's consent, as if it were pulled out. Also ends a polite detachment
    /// that the guest does not answer.
    #[serde(default)]
    pub force: bool,
}

/// Parameters of [`crate::Command::ResizeDisk`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResizeDisk {
    /// The disk's id.
    pub id: String,
    /// Its new size in bytes, a multiple of 512 and not less than it is. The uppermost file grows with it, unless it
    /// has been grown already.
    pub bytes: u64,
}
