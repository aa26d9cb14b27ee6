//! What the guests run: a RAM disk with one small program, which this crate carries, and with the agent where asked for.

use crate::error::{BenchError, Result};
use std::path::{Path, PathBuf};

/// Writes a line to the console, then answers each line it reads with another. No standard library, so that what is
/// measured is the machine and its kernel.
const ANSWER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/answer"));
/// Works with disk and network as told by lines on its console.
const LOAD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/load"));

/// What [`Program::Answer`] writes first.
pub const MARKER: &str = "GUEST-INIT";
/// What it writes for each line it reads.
pub const REPLY: &str = "GUEST-ANSWER";

/// The first program of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Says that it is there, and answers.
    Answer,
    /// Works.
    Load,
}

/// Makes the RAM disk in `dir`, with `agent` beside the program if there is one.
pub fn initrd(dir: &Path, program: Program, agent: Option<&Path>) -> Result<PathBuf> {
    let (name, init) = match program {
        Program::Answer => ("answer.cpio", ANSWER),
        Program::Load => ("load.cpio", LOAD),
    };
    let mut archive = Archive::default();
    archive.entry("dev", 0o040_755, (0, 0), b"");
    archive.entry("dev/console", 0o020_600, (5, 1), b"");
    archive.entry("init", 0o100_755, (0, 0), init);
    if let Some(agent) = agent {
        let program = std::fs::read(agent).map_err(BenchError::io("read the agent"))?;
        archive.entry("agent", 0o100_755, (0, 0), &program);
    }
    archive.entry("TRAILER!!!", 0, (0, 0), b"");
    let path = dir.join(name);
    std::fs::write(&path, archive.0).map_err(BenchError::io("write a guest's RAM disk"))?;
    Ok(path)
}

/// An archive as the kernel reads it: "newc" (Documentation/driver-api/early-userspace/buffer-format.rst).
#[derive(Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), data: &[u8]) {
        let fields =
            [1, mode, 0, 0, 1, 0, data.len() as u32, 0, 0, device.0, device.1, name.len() as u32 + 1, 0];
        self.0.extend(b"070701");
        fields.iter().for_each(|field| self.0.extend(format!("{field:08x}").bytes()));
        self.0.extend(name.bytes().chain([0]));
        self.pad();
        self.0.extend(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::names_no_loader;
    use std::process::{Command, Stdio};

    #[test]
    fn cpio_reads_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = initrd(dir.path(), Program::Answer, None).unwrap();
        let listed = Command::new("cpio")
            .args(["-t", "--quiet"])
            .stdin(Stdio::from(std::fs::File::open(path).unwrap()))
            .output();
        let Ok(listed) = listed else { return };
        assert_eq!(String::from_utf8(listed.stdout).unwrap(), "dev\ndev/console\ninit\n");
    }

    #[test]
    fn the_programs_are_static() {
        for program in [ANSWER, LOAD] {
            assert_eq!(names_no_loader(program), Some(true));
        }
    }
}
