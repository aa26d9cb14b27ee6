//! A machine: built once from its configuration, run until an exit reason is set, quiet in between when paused.

mod build;
mod hotplug;
mod memory;
mod pause;
mod state;

pub use build::{BuildError, Machine, build};
pub use hotplug::HotplugError;
pub use memory::MemoryTargetError;
pub use pause::{Gate, Pass};
pub use state::MachineState;
