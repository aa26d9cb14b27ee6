//! Reading a machine's console: from the VMM while it lives, from its files afterwards.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use cumulet_model::InstanceId;
use cumulet_vmm_protocol::control::MAX_CONSOLE_CHUNK;
use cumulet_vmm_protocol::rundir::{CONSOLE_LOG, CONSOLE_LOG_OLD};
use cumulet_vmm_protocol::{ConsoleChunk, ConsoleRead};

use crate::error::SupervisorError;
use crate::machine::Machine;
use crate::run_dir::open_plain;
use crate::shared::Shared;

/// Reads from `offset`, or the last `max` bytes.
pub async fn read(
    shared: &Arc<Shared>,
    id: &InstanceId,
    offset: Option<u64>,
    max: u32,
    wait: bool,
) -> Result<ConsoleChunk, SupervisorError> {
    let max = max.min(MAX_CONSOLE_CHUNK as u32);
    if let Some(machine) = shared.machine(id) {
        match read_living(shared, &machine, offset, max, wait).await {
            Ok(chunk) => return Ok(chunk),
            // It may have ended in the middle of the call.
            Err(error) if shared.machine(id).is_some() => return Err(error),
            Err(_) => {}
        }
    }
    let (shared, id) = (Arc::clone(shared), id.clone());
    let reading = tokio::task::spawn_blocking(move || read_files(&shared, &id, offset, max)).await;
    reading.map_err(|error| SupervisorError::io("read a console")(error.into()))?
}

async fn read_living(
    shared: &Shared,
    machine: &Machine,
    offset: Option<u64>,
    max: u32,
    wait: bool,
) -> Result<ConsoleChunk, SupervisorError> {
    let wait = wait && offset.is_some();
    let read = ConsoleRead { offset, max, wait };
    let limit = wait.then_some(shared.config.console_wait);
    let chunk = tokio::select! {
        chunk = machine.console_read(read, limit) => chunk?,
        _ = machine.ended() => return Err(SupervisorError::NotRunning(machine.id.clone())),
    };
    let at = offset.unwrap_or(0);
    Ok(chunk.unwrap_or(ConsoleChunk { offset: at, end: at, data: Vec::new() }))
}

fn read_files(
    shared: &Shared,
    id: &InstanceId,
    offset: Option<u64>,
    max: u32,
) -> Result<ConsoleChunk, SupervisorError> {
    let dir = shared.dir(id);
    let failed = SupervisorError::io("read a console");
    let kept =
        Kept::open(dir.path(), shared.config.console_log_bytes, shared.console_end(id)).map_err(&failed)?;
    if kept.is_none() && !dir.path().exists() {
        return Err(SupervisorError::NoConsole(id.clone()));
    }
    kept.unwrap_or_default().read(offset, u64::from(max)).map_err(failed)
}

/// What a VMM that ended left of its console: the newest file, and the one before it.
#[derive(Debug, Default)]
struct Kept {
    /// Oldest first, with their lengths.
    files: Vec<(File, u64)>,
    /// Offset of the first byte kept.
    start: u64,
}

impl Kept {
    /// Opens the files. `heard` is an offset that the output is known to have come to.
    fn open(dir: &Path, limit: u64, heard: u64) -> io::Result<Option<Self>> {
        let old = open_counted(&dir.join(CONSOLE_LOG_OLD))?;
        let new = open_counted(&dir.join(CONSOLE_LOG))?;
        let new_start = match &old {
            None => 0,
            Some((_, old_len)) => {
                start_of_newest(limit.max(*old_len), new.as_ref().map_or(0, |it| it.1), heard)
            }
        };
        let old_len = old.as_ref().map_or(0, |it| it.1);
        // Lengths and offsets are what the VMM made them.
        let files: Vec<_> = old.into_iter().chain(new).collect();
        let start = new_start.saturating_sub(old_len);
        Ok((!files.is_empty()).then_some(Self { files, start }))
    }

    fn read(&self, offset: Option<u64>, max: u64) -> io::Result<ConsoleChunk> {
        let kept = self.files.iter().fold(0u64, |sum, (_, len)| sum.saturating_add(*len));
        let end = self.start.saturating_add(kept);
        let from = offset.unwrap_or_else(|| end.saturating_sub(max)).clamp(self.start, end);
        let mut data = Vec::new();
        let mut file_start = self.start;
        for (file, len) in &self.files {
            let file_end = file_start.saturating_add(*len);
            let wanted = from.saturating_add(data.len() as u64)..from.saturating_add(max).min(file_end);
            if wanted.start >= file_start && !wanted.is_empty() {
                let mut piece = vec![0; (wanted.end - wanted.start) as usize];
                file.read_exact_at(&mut piece, wanted.start - file_start)?;
                data.append(&mut piece);
            }
            file_start = file_end;
        }
        Ok(ConsoleChunk { offset: from, end, data })
    }
}

/// Where the newest file begins. A file is begun anew when it has `limit` bytes, so it begins at a multiple of that; of
/// these it is the first with which the output comes to where somebody has read it. For whoever has followed the
/// console to less than `limit` bytes before its end this is exact.
fn start_of_newest(limit: u64, newest_len: u64, heard: u64) -> u64 {
    let rotations = heard.saturating_sub(newest_len).div_ceil(limit.max(1)).max(1);
    rotations.saturating_mul(limit)
}

fn open_counted(path: &Path) -> io::Result<Option<(File, u64)>> {
    match open_plain(path) {
        Ok(file) => {
            let len = file.metadata()?.len();
            Ok(Some((file, len)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(offset: u64) -> u8 {
        (offset.wrapping_mul(2_654_435_761) >> 7) as u8
    }

    /// The files of a VMM that has written `total` bytes and keeps `limit`.
    fn leave(dir: &Path, total: u64, limit: u64) {
        let newest = total / limit * limit;
        let bytes = |range: std::ops::Range<u64>| range.map(at).collect::<Vec<u8>>();
        std::fs::write(dir.join(CONSOLE_LOG), bytes(newest..total)).unwrap();
        if newest > 0 {
            std::fs::write(dir.join(CONSOLE_LOG_OLD), bytes(newest - limit..newest)).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn files_of_any_length_and_any_offset_are_read_without_a_panic(
            lens in any::<(u64, u64)>(), limit in 0u64..9000, heard in any::<u64>(), offset in any::<Option<u64>>(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            for (name, len) in [(CONSOLE_LOG, lens.0), (CONSOLE_LOG_OLD, lens.1)] {
                // As long as the file system lets a sparse file be.
                let file = File::create(dir.path().join(name)).unwrap();
                let _ = file.set_len(len).or_else(|_| file.set_len(len >> 24));
            }
            let kept = Kept::open(dir.path(), limit, heard).unwrap().unwrap();
            if let Ok(chunk) = kept.read(offset, 100) {
                prop_assert!(chunk.offset <= chunk.end && chunk.data.len() <= 100);
            }
        }

        #[test]
        fn a_follower_goes_on_in_the_files_where_the_vmm_left_off(
            total in 0u64..700, limit in 50u64..100, behind in 0u64..50, max in 1u64..300,
        ) {
            let dir = tempfile::tempdir().unwrap();
            leave(dir.path(), total, limit);
            let heard = total.saturating_sub(behind);
            let kept = Kept::open(dir.path(), limit, heard).unwrap().unwrap();
            let chunk = kept.read(Some(heard), max).unwrap();
            prop_assert_eq!((chunk.offset, chunk.end), (heard, total));
            prop_assert_eq!(chunk.data, (heard..total).take(max as usize).map(at).collect::<Vec<_>>());
            let last = kept.read(None, max).unwrap();
            let kept_from = (total / limit * limit).saturating_sub(limit);
            let from = total.saturating_sub(max).max(kept_from);
            prop_assert_eq!(last.data, (from..total).map(at).collect::<Vec<_>>());
        }
    }
}
