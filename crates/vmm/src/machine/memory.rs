//! How much memory a machine has, and how much it shall have.

use super::Machine;
use crate::devices::mem::BLOCK;
use crate::memory::layout;
use cumulet_vmm_protocol::metrics::MemoryMetrics;

/// Why a machine can't have so much memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryTargetError {
    /// It was begun without.
    #[error("the machine's memory can't change: its specification has no memory_max_mib")]
    Fixed,
    /// Less than at the start, or more than ever.
    #[error("mib: {least} to {most} in steps of {} MiB", BLOCK >> 20)]
    Range {
        /// What it has at least.
        least: u64,
        /// What it can have.
        most: u64,
    },
}

impl Machine {
    /// Bytes that are the guest's memory now.
    pub fn memory_now(&self) -> u64 {
        self.memory_bytes + self.mem.as_ref().map_or(0, |mem| mem.sizes().plugged)
    }

    /// Ranges (start, bytes) of what is memory now.
    pub fn kept(&self) -> Vec<(u64, u64)> {
        let plugged = self.mem.as_ref().map(|mem| mem.plugged()).unwrap_or_default();
        layout::ram(self.memory_bytes).into_iter().chain(plugged).collect()
    }

    /// Asks the guest to have `mib` MiB of memory in all.
    pub fn set_memory(&self, mib: u64) -> Result<(), MemoryTargetError> {
        let mem = self.mem.as_ref().ok_or(MemoryTargetError::Fixed)?;
        let (least, region) = (self.memory_bytes, mem.sizes().region);
        let more = mib.checked_mul(1 << 20).and_then(|bytes| bytes.checked_sub(least));
        let more = more.filter(|more| *more <= region && more.is_multiple_of(BLOCK));
        let range = || MemoryTargetError::Range { least: least >> 20, most: (least + region) >> 20 };
        mem.request(more.ok_or_else(range)?);
        Ok(())
    }

    /// What is asked for and what there is.
    pub fn memory_metrics(&self) -> MemoryMetrics {
        let (fixed, mem) = (self.memory_bytes, self.mem.as_ref().map(|mem| mem.sizes()));
        let mib = |more: Option<u64>| (fixed + more.unwrap_or(0)) >> 20;
        MemoryMetrics {
            most_mib: mib(mem.map(|sizes| sizes.region)),
            target_mib: mib(mem.map(|sizes| sizes.requested)),
            actual_mib: mib(mem.map(|sizes| sizes.plugged)),
        }
    }
}
