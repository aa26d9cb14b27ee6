//! A saved machine, as its state file has it.

use super::part::Part;
use crate::cpu::VcpuState;
use crate::platform::PlatformState;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything but the memory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSave {
    /// Binds it to its memory.
    pub id: String,
    /// Version of the program that wrote it; for people.
    pub vmm_version: String,
    /// Bytes of guest memory, with all that could be plugged.
    pub memory_bytes: u64,
    /// Whether the guest has a generation ID, which has to be another one in each restored machine.
    pub generation_id: bool,
    /// vCPUs, in order.
    pub vcpus: Vec<VcpuState>,
    /// What KVM keeps besides.
    pub platform: PlatformState,
    /// Names and states of all parts.
    pub parts: Vec<(String, Value)>,
}

/// Gives saved parts the ids that they have now. A part's name is what it is and, where there can be several, its id.
pub fn rename(parts: &mut [(String, Value)], renamed: &BTreeMap<String, String>) {
    let rename = |name: &mut String| {
        let now = name.split_once(' ').and_then(|(kind, id)| Some(format!("{kind} {}", renamed.get(id)?)));
        if let Some(now) = now {
            *name = now;
        }
    };
    for (name, state) in parts {
        rename(name);
        if name == crate::pci::PART {
            crate::pci::rename_slots(state, &rename);
        }
    }
}

/// The machine's parts.
pub type Parts = Vec<Arc<dyn Part>>;
