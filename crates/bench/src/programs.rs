//! The programs that are measured: ours beside this one, peers' wherever the host has them.

use crate::error::{BenchError, Result};
use crate::host::info::version_of;
use crate::machine::Vmm;
use std::path::{Path, PathBuf};

/// Where they are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `cumulet-vmm`.
    pub vmm: PathBuf,
    /// `cumulet-jailer`.
    pub jailer: PathBuf,
    /// `qemu-system-x86_64`, if it is there and wanted.
    pub qemu: Option<PathBuf>,
    /// `firecracker`, if it is there and wanted.
    pub firecracker: Option<PathBuf>,
    /// `cumulet-agent`, linked statically.
    pub agent: Option<PathBuf>,
}

impl Programs {
    /// Looks for them; of the peers only for those in `peers`.
    pub fn find(peers: &[Vmm], agent: Option<PathBuf>) -> Result<Self> {
        let need = |name: &str| {
            find(name).ok_or_else(|| {
                BenchError::Machine(format!("{name} is neither beside this program nor in the path"))
            })
        };
        let peer = |vmm, name| find(name).filter(|_| peers.contains(&vmm));
        Ok(Self {
            vmm: need("cumulet-vmm")?,
            jailer: need("cumulet-jailer")?,
            qemu: peer(Vmm::Qemu, "qemu-system-x86_64"),
            firecracker: peer(Vmm::Firecracker, "firecracker"),
            agent: agent.or_else(|| find("cumulet-agent").filter(|path| is_static(path))),
        })
    }

    /// A peer's program.
    pub fn peer(&self, vmm: Vmm) -> Option<&Path> {
        match vmm {
            Vmm::Qemu => self.qemu.as_deref(),
            Vmm::Firecracker => self.firecracker.as_deref(),
            Vmm::Cumulet | Vmm::Unjailed => None,
        }
    }

    /// The peers' versions, as they tell them.
    pub fn versions(&self) -> Vec<String> {
        [&self.qemu, &self.firecracker].into_iter().flatten().filter_map(|path| version_of(path)).collect()
    }
}

/// Beside this program, or in the path.
fn find(name: &str) -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name(name));
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let listed: Vec<PathBuf> = std::env::split_paths(&paths).map(|dir| dir.join(name)).collect();
    beside.into_iter().chain(listed).find(|path| path.is_file())
}

/// Whether it can run where there is no loader.
fn is_static(program: &Path) -> bool {
    std::fs::read(program).is_ok_and(|image| names_no_loader(&image) == Some(true))
}

/// Whether no program header of a 64-bit, little-endian ELF image names an interpreter; nothing of another file.
pub fn names_no_loader(image: &[u8]) -> Option<bool> {
    const PT_INTERP: u32 = 3;
    let bytes = |at: usize, count: usize| image.get(at..at.checked_add(count)?);
    let short = |at| Some(usize::from(u16::from_le_bytes(bytes(at, 2)?.try_into().ok()?)));
    if bytes(0, 6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let start = usize::try_from(u64::from_le_bytes(bytes(32, 8)?.try_into().ok()?)).ok()?;
    let (size, count) = (short(54)?, short(56)?);
    for index in 0..count {
        let kind = bytes(start.checked_add(size * index)?, 4)?;
        if u32::from_le_bytes(kind.try_into().ok()?) == PT_INTERP {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_is_told_by_a_header_and_nonsense_is_no_program() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(names_no_loader(&this), Some(false), "tests are linked dynamically");
        assert_eq!(names_no_loader(b"#!/bin/sh"), None);
        assert_eq!(names_no_loader(&this[..60]), None);
    }
}
