//! Saved machines: a file of registers and devices and a file of memory, as long as the guest's memory with holes where
//! it was never touched. Whoever saves gets both open and empty; they are in their place once they are whole and synced.
//! A machine that began from them has them mapped, so that they may be removed under it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cumulet_model::{Bytes, SavedMachineId};
use cumulet_ports::storage::SavingFiles;
use cumulet_ports::vm_host::MachineBase;

use crate::StorageError;
use crate::copy::copy_sparse;
use crate::draft::{self, Draft};
use crate::layout::Layout;

const STATE: &str = "state";
const MEMORY: &str = "memory";
/// More than registers and devices take.
const STATE_ROOM: u64 = 16 << 20;
/// What a memory file has behind the memory.
const BEHIND_MEMORY: u64 = 64 << 10;

/// Files that are being written.
#[derive(Debug, Default)]
pub struct Unfinished(Mutex<HashMap<SavedMachineId, Draft>>);

impl Unfinished {
    fn drafts(&self) -> MutexGuard<'_, HashMap<SavedMachineId, Draft>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes two empty files for a machine of so much memory.
    pub fn begin(
        &self,
        layout: &Layout,
        id: &SavedMachineId,
        memory: Bytes,
    ) -> Result<SavingFiles, StorageError> {
        layout.space().require(Bytes(memory.0.saturating_add(STATE_ROOM)))?;
        let draft = Draft::new(layout)?;
        let private = |name| {
            let file = draft.create(name)?;
            // A guest's memory holds its secrets.
            let only_ours = fs::Permissions::from_mode(0o600);
            file.set_permissions(only_ours).map_err(StorageError::io("make a file"))?;
            Ok::<_, StorageError>(file)
        };
        let files = SavingFiles { state: private(STATE)?.into(), memory: private(MEMORY)?.into() };
        self.drafts().insert(id.clone(), draft);
        Ok(files)
    }

    /// Puts files that are whole in their place.
    pub fn finish(&self, layout: &Layout, id: &SavedMachineId) -> Result<(), StorageError> {
        let draft = self.drafts().remove(id).ok_or_else(|| StorageError::NoSaved(id.clone()))?;
        for name in [STATE, MEMORY] {
            let synced = File::open(draft.path(name)).and_then(|file| file.sync_all());
            synced.map_err(StorageError::io("write a machine's memory to disk"))?;
        }
        draft.publish(&layout.saved_dir(id))
    }

    /// Copies a machine into files and puts them in their place. What a VMM gave is not taken on trust.
    pub fn keep(
        &self,
        layout: &Layout,
        id: &SavedMachineId,
        machine: &MachineBase,
        memory: Bytes,
    ) -> Result<(), StorageError> {
        let files = self.begin(layout, id, memory)?;
        let parts = [
            ("state", &machine.state, files.state, STATE_ROOM),
            ("memory", &machine.memory, files.memory, memory.0.saturating_add(BEHIND_MEMORY)),
        ];
        for (what, from, to, limit) in parts {
            let from = File::from(from.try_clone().map_err(StorageError::io("read a machine's memory"))?);
            let size = from.metadata().map_err(StorageError::io("read a machine's memory"))?.len();
            if size > limit {
                return Err(StorageError::Oversized { what, size: Bytes(size), limit: Bytes(limit) });
            }
            copy_sparse(&from, &File::from(to), size, layout.space())?;
        }
        self.finish(layout, id)
    }

    /// Removes what is there of a saved machine.
    pub fn delete(&self, layout: &Layout, id: &SavedMachineId) -> Result<(), StorageError> {
        drop(self.drafts().remove(id));
        draft::remove(layout, &layout.saved_dir(id))
    }
}

/// Opens a saved machine's files.
pub fn open(layout: &Layout, id: &SavedMachineId) -> Result<MachineBase, StorageError> {
    let file = |name| match File::open(layout.saved_dir(id).join(name)) {
        Ok(file) => Ok(Arc::new(file.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StorageError::NoSaved(id.clone())),
        Err(error) => Err(StorageError::io("open a machine's memory")(error)),
    };
    Ok(MachineBase { state: file(STATE)?, memory: file(MEMORY)?, touched: Default::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StorageConfig;

    fn layout(dir: &std::path::Path) -> Layout {
        Layout::open(StorageConfig { state_dir: dir.to_owned(), reserve: Bytes(0) }).unwrap()
    }

    fn id() -> SavedMachineId {
        SavedMachineId::random(&mut rand::rng())
    }

    #[test]
    fn a_machine_is_saved_once_its_files_are_finished_and_gone_when_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let (layout, unfinished, id) = (layout(dir.path()), Unfinished::default(), id());
        let files = unfinished.begin(&layout, &id, Bytes(1 << 20)).unwrap();
        File::from(files.memory).set_len(1 << 20).unwrap();
        assert!(matches!(open(&layout, &id), Err(StorageError::NoSaved(_))));
        unfinished.finish(&layout, &id).unwrap();
        let base = open(&layout, &id).unwrap();
        let mode = fs::metadata(layout.saved_dir(&id).join(MEMORY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        unfinished.delete(&layout, &id).unwrap();
        unfinished.delete(&layout, &id).unwrap();
        assert!(matches!(open(&layout, &id), Err(StorageError::NoSaved(_))));
        let memory = Arc::try_unwrap(base.memory).unwrap();
        assert_eq!(File::from(memory).metadata().unwrap().len(), 1 << 20, "who has it open keeps it");
    }

    #[test]
    fn what_was_not_finished_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (layout, unfinished, id) = (layout(dir.path()), Unfinished::default(), id());
        unfinished.begin(&layout, &id, Bytes(1 << 20)).unwrap();
        unfinished.delete(&layout, &id).unwrap();
        assert!(matches!(unfinished.finish(&layout, &id), Err(StorageError::NoSaved(_))));
        assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_machine_that_does_not_fit_is_not_begun() {
        let dir = tempfile::tempdir().unwrap();
        let (layout, unfinished) = (layout(dir.path()), Unfinished::default());
        let refused = unfinished.begin(&layout, &id(), Bytes(1 << 60)).unwrap_err();
        assert!(matches!(refused, StorageError::NoSpace { .. }));
        assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    }
}
