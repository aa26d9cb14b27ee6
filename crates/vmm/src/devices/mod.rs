//! The devices of a machine, one folder each.

pub mod balloon;
pub mod block;
pub mod entropy;
pub mod mem;
pub mod net;
pub mod power;
pub mod serial;
pub mod vmclock;
pub mod vmgenid;
pub mod vsock;
