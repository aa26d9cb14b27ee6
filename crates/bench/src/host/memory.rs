//! What memory a process has (`/proc/PID/smaps`), a guest's apart from its VMM's own.

use crate::error::{BenchError, Result};
use std::fs::read_to_string;
use std::ops::AddAssign;

/// Memory in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resident {
    /// The proportional share: a page that k processes map counts one k-th.
    pub pss: u64,
    /// Pages that nobody else maps.
    pub private: u64,
}

impl AddAssign for Resident {
    fn add_assign(&mut self, other: Self) {
        self.pss += other.pss;
        self.private += other.private;
    }
}

/// What a VMM has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VmmMemory {
    /// Of guest memory.
    pub guest: Resident,
    /// Everything else: program, libraries, heap, stacks, tables.
    pub own: Resident,
}

impl VmmMemory {
    /// Of process `pid` whose guest has `guest_mib`. Guest memory is told by its size: no other mapping of a VMM is nearly
    /// as large.
    pub fn of(pid: u32, guest_mib: u64) -> Result<Self> {
        let text = read_to_string(format!("/proc/{pid}/smaps"));
        Ok(parse(&text.map_err(BenchError::io("read a VMM's memory map"))?, guest_mib * 1024))
    }

    /// Both together.
    pub fn pss(&self) -> u64 {
        self.guest.pss + self.own.pss
    }
}

fn parse(smaps: &str, guest_kib: u64) -> VmmMemory {
    let mut all = VmmMemory::default();
    let mut is_guest = false;
    for line in smaps.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let kib: u64 = rest.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let add = match name {
            "Size" => {
                is_guest = kib >= guest_kib / 4 * 3;
                continue;
            }
            "Pss" => Resident { pss: kib, private: 0 },
            "Private_Clean" | "Private_Dirty" => Resident { pss: 0, private: kib },
            _ => continue,
        };
        *(if is_guest { &mut all.guest } else { &mut all.own }) += add;
    }
    all
}

/// What the kernel says could be had without swapping, in KiB.
pub fn available_kib() -> Result<u64> {
    let text = read_to_string("/proc/meminfo").map_err(BenchError::io("read the host's memory"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| BenchError::Machine("/proc/meminfo says nothing of MemAvailable".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_memory_is_told_by_its_size() {
        let smaps = "\
7f0000000000-7f0008000000 rw-p 00000000 00:00 0
Size:             131072 kB
Pss:               20480 kB
Pss_Dirty:         20480 kB
Private_Clean:         0 kB
Private_Dirty:     20480 kB
55d000000000-55d000200000 r-xp 00000000 08:01 1234 /usr/bin/cumulet-vmm
Size:               2048 kB
Pss:                 700 kB
Private_Clean:       600 kB
Private_Dirty:        50 kB
VmFlags: rd ex mr mw me
";
        let memory = parse(smaps, 128 * 1024);
        assert_eq!(memory.guest, Resident { pss: 20480, private: 20480 });
        assert_eq!(memory.own, Resident { pss: 700, private: 650 });
    }

    #[test]
    fn this_process_has_memory_and_the_host_too() {
        let memory = VmmMemory::of(std::process::id(), 1 << 30).unwrap();
        assert!(memory.own.pss > 0 && memory.guest.pss == 0);
        assert!(available_kib().unwrap() > 0);
    }
}
