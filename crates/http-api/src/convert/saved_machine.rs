//! Saved machines on the wire.

use cumulet_api_types::saved_machine as wire;
use cumulet_model::saved_machine::{SavedMachine, SavedMachineState};

pub(crate) fn saved_to(saved: SavedMachine) -> wire::SavedMachine {
    wire::SavedMachine {
        id: saved.id.into(),
        name: saved.name,
        state: match saved.state {
            SavedMachineState::Saving => wire::SavedMachineState::Saving,
            SavedMachineState::Available => wire::SavedMachineState::Available,
            SavedMachineState::Failed => wire::SavedMachineState::Failed,
            SavedMachineState::Deleting => wire::SavedMachineState::Deleting,
        },
        reason: saved.reason,
        created: saved.created,
        instance_id: saved.instance_id.into(),
        instance_type: saved.instance_type,
    }
}
