//! The system calls that each kind of thread needs. See the module above for how the lists were made.

use libc::c_long;

/// Kinds of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The process while it builds its machine: the greatest list, and the one that all threads have beneath theirs.
    Start,
    /// The main thread once the machine runs. It also adds disks to a running machine, so it makes threads.
    Main,
    /// A vCPU's.
    Vcpu,
    /// A disk's.
    Disk,
    /// That of an interface's further queues.
    Net,
}

/// A call with what of its arguments is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arguments {
    /// All.
    Any,
    /// Argument `index`, cut to 32 bits and to the bits of `mask`, must be `value`.
    Masked {
        /// Which, from 0.
        index: u8,
        /// Bits that are looked at.
        mask: u64,
        /// What they must be.
        value: u64,
    },
}

use Arguments::{Any, Masked};

/// One rule. A call may stand in several, of which one has to hold.
pub type Rule = (c_long, Arguments);

/// Memory, time, locks, randomness, signals and the end of a thread: what the language's runtime and the C library do in
/// any thread. No memory is ever made executable.
const RUNTIME: &[Rule] = &[
    (libc::SYS_brk, Any),
    (libc::SYS_madvise, Any),
    (libc::SYS_mmap, NOT_EXECUTABLE),
    (libc::SYS_mprotect, NOT_EXECUTABLE),
    (libc::SYS_mremap, Any),
    (libc::SYS_munmap, Any),
    (libc::SYS_clock_getres, Any),
    (libc::SYS_clock_gettime, Any),
    (libc::SYS_clock_nanosleep, Any),
    (libc::SYS_gettimeofday, Any),
    (libc::SYS_nanosleep, Any),
    (libc::SYS_time, Any),
    (libc::SYS_futex, Any),
    (libc::SYS_membarrier, Any),
    (libc::SYS_sched_yield, Any),
    (libc::SYS_sched_getaffinity, Any),
    (libc::SYS_rseq, Any),
    (libc::SYS_set_robust_list, Any),
    (libc::SYS_get_robust_list, Any),
    (libc::SYS_getrandom, Any),
    (libc::SYS_getpid, Any),
    (libc::SYS_gettid, Any),
    (libc::SYS_getuid, Any),
    (libc::SYS_geteuid, Any),
    (libc::SYS_rt_sigprocmask, Any),
    (libc::SYS_rt_sigreturn, Any),
    (libc::SYS_restart_syscall, Any),
    (libc::SYS_sigaltstack, Any),
    // Only to itself: the process id namespace of a jail has nobody else.
    (libc::SYS_tgkill, Any),
    (libc::SYS_prctl, option(libc::PR_SET_NAME)),
    (libc::SYS_prctl, option(libc::PR_GET_NAME)),
    (libc::SYS_prctl, option(PR_SET_VMA)),
    (libc::SYS_exit, Any),
    (libc::SYS_exit_group, Any),
];

/// Files and eventfds that are open.
const FILES: &[Rule] = &[
    (libc::SYS_read, Any),
    (libc::SYS_readv, Any),
    (libc::SYS_write, Any),
    (libc::SYS_writev, Any),
    (libc::SYS_close, Any),
    (libc::SYS_fcntl, Any),
    (libc::SYS_fstat, Any),
    (libc::SYS_newfstatat, Any),
    (libc::SYS_statx, Any),
    (libc::SYS_lseek, Any),
    (libc::SYS_poll, Any),
    (libc::SYS_ppoll, Any),
    (libc::SYS_dup, Any),
];

/// The records of the run directory, and the end of the process, to which any thread may come: what can be opened is
/// left to the root of the jail and to Landlock.
const RECORDS: &[Rule] = &[
    (libc::SYS_open, Any),
    (libc::SYS_openat, Any),
    (libc::SYS_fsync, Any),
    (libc::SYS_fdatasync, Any),
    (libc::SYS_rename, Any),
    (libc::SYS_renameat, Any),
    (libc::SYS_renameat2, Any),
    (libc::SYS_unlink, Any),
    (libc::SYS_unlinkat, Any),
];

/// Narrowing a thread's own filter further.
const FILTERS: &[Rule] = &[
    (libc::SYS_prctl, option(libc::PR_SET_NO_NEW_PRIVS)),
    (libc::SYS_seccomp, Masked { index: 0, mask: u64::MAX, value: SECCOMP_SET_MODE_FILTER }),
];

/// Guest memory and the contents of disks.
const BLOCKS: &[Rule] = &[
    (libc::SYS_pread64, Any),
    (libc::SYS_preadv, Any),
    (libc::SYS_preadv2, Any),
    (libc::SYS_pwrite64, Any),
    (libc::SYS_pwritev, Any),
    (libc::SYS_pwritev2, Any),
    (libc::SYS_copy_file_range, Any),
    (libc::SYS_fadvise64, Any),
    (libc::SYS_fallocate, Any),
    (libc::SYS_fstatfs, Any),
    (libc::SYS_ftruncate, Any),
    (libc::SYS_sync_file_range, Any),
    (libc::SYS_ioctl, of_type(0x12)), // block devices: BLKDISCARD, BLKGETSIZE64 and others
];

/// A disk's ring, which allows only what `devices/block/ring.rs` says: begin and wait. A vCPU's thread waits, for a disk
/// that its guest resets. What the ring leaves over, as at the end of a file, is read and written by whoever waited.
const RING: &[Rule] = &[(libc::SYS_io_uring_enter, Any), (libc::SYS_pread64, Any), (libc::SYS_pwrite64, Any)];

/// Making the ring of a disk and restricting it.
const NEW_RING: &[Rule] = &[(libc::SYS_io_uring_setup, Any), (libc::SYS_io_uring_register, Any)];

/// Events, timers, and what devices do with the host's: taps, vhost.
const EVENTS: &[Rule] = &[
    (libc::SYS_epoll_create1, Any),
    (libc::SYS_epoll_ctl, Any),
    (libc::SYS_epoll_wait, Any),
    (libc::SYS_epoll_pwait, Any),
    (libc::SYS_eventfd2, Any),
    (libc::SYS_timerfd_create, Any),
    (libc::SYS_timerfd_settime, Any),
    (libc::SYS_timerfd_gettime, Any),
    (libc::SYS_fallocate, Any),              // the balloon's holes in a memfd
    (libc::SYS_ioctl, of_type(b'T' as u64)), // TUNSETOFFLOAD and its like
    (libc::SYS_ioctl, of_type(0xaf)),        // vhost
];

/// KVM's own interface, on descriptors that only this process has.
const KVM: &[Rule] = &[(libc::SYS_ioctl, of_type(0xae)), INTERRUPT];

/// KVM_SIGNAL_MSI: an interrupt for the guest.
const INTERRUPT: Rule = (libc::SYS_ioctl, exactly(0x4020_aea5));

/// The control socket and vsock's: sockets of the file system and no others.
const SOCKETS: &[Rule] = &[
    (libc::SYS_socket, Masked { index: 0, mask: u64::MAX, value: libc::AF_UNIX as u64 }),
    (libc::SYS_socketpair, Masked { index: 0, mask: u64::MAX, value: libc::AF_UNIX as u64 }),
    (libc::SYS_accept4, Any),
    (libc::SYS_bind, Any),
    (libc::SYS_connect, Any),
    (libc::SYS_listen, Any),
    (libc::SYS_getsockname, Any),
    (libc::SYS_getsockopt, Any),
    (libc::SYS_setsockopt, Any),
    (libc::SYS_recvfrom, Any),
    (libc::SYS_recvmsg, Any),
    (libc::SYS_sendmsg, Any),
    (libc::SYS_sendto, Any),
    (libc::SYS_shutdown, Any),
    (libc::SYS_ioctl, exactly(libc::FIONBIO)),
];

/// Threads, never processes: `clone3`, whose flags can't be looked at, is answered as unknown, and the C library then
/// calls `clone`.
const THREADS: &[Rule] = &[
    (libc::SYS_clone, Masked { index: 0, mask: libc::CLONE_THREAD as u64, value: libc::CLONE_THREAD as u64 }),
    (libc::SYS_clone3, Any),
];

/// Memory that is a file, for saving a machine and for forks of it.
const SAVED_MEMORY: &[Rule] = &[
    (libc::SYS_memfd_create, Any),
    (libc::SYS_mincore, Any),
    (libc::SYS_sysinfo, Any), // whether anything is swapped out
    (libc::SYS_mlock, Any),
    (libc::SYS_msync, Any),
    (libc::SYS_munlock, Any),
    (libc::SYS_readahead, Any),
    (libc::SYS_getdents64, Any),
];

/// What is done once, while the machine is built.
const START: &[Rule] = &[
    (libc::SYS_fchdir, Any),
    (libc::SYS_getcwd, Any),
    (libc::SYS_getppid, Any),
    (libc::SYS_prlimit64, Any),
    (libc::SYS_rt_sigaction, Any),
    (libc::SYS_signalfd4, Any),
    (libc::SYS_prctl, option(libc::PR_SET_PDEATHSIG)),
    (libc::SYS_landlock_create_ruleset, Any),
    (libc::SYS_landlock_add_rule, Any),
    (libc::SYS_landlock_restrict_self, Any),
    (libc::SYS_ioctl, exactly(libc::TCGETS)),
    (libc::SYS_sysinfo, Any),
    (libc::SYS_uname, Any),
    (libc::SYS_flock, Any),
];

/// All rules of a kind of thread.
pub fn rules(kind: Kind) -> impl Iterator<Item = Rule> {
    let groups: &[&[Rule]] = match kind {
        Kind::Start => &[
            RUNTIME,
            FILES,
            RECORDS,
            FILTERS,
            BLOCKS,
            NEW_RING,
            RING,
            EVENTS,
            KVM,
            SOCKETS,
            THREADS,
            SAVED_MEMORY,
            START,
        ],
        Kind::Main => &[
            RUNTIME,
            FILES,
            RECORDS,
            FILTERS,
            BLOCKS,
            NEW_RING,
            RING,
            EVENTS,
            KVM,
            SOCKETS,
            THREADS,
            SAVED_MEMORY,
        ],
        Kind::Vcpu => &[RUNTIME, FILES, RECORDS, RING, EVENTS, KVM],
        Kind::Disk => &[RUNTIME, FILES, RECORDS, BLOCKS, RING, DISK_EVENTS],
        Kind::Net => &[RUNTIME, FILES, RECORDS, NET_EVENTS],
    };
    groups.iter().flat_map(|group| group.iter().copied())
}

/// A disk waits for its queue and for its own requests.
const DISK_EVENTS: &[Rule] = &[
    (libc::SYS_epoll_create1, Any),
    (libc::SYS_epoll_ctl, Any),
    (libc::SYS_epoll_wait, Any),
    (libc::SYS_epoll_pwait, Any),
    (libc::SYS_timerfd_settime, Any),
    INTERRUPT,
];

/// A pair of queues waits for the guest, the tap and its timer. The tap's queues come and go by an ioctl.
const NET_EVENTS: &[Rule] = &[
    (libc::SYS_epoll_wait, Any),
    (libc::SYS_epoll_pwait, Any),
    (libc::SYS_timerfd_settime, Any),
    (libc::SYS_ioctl, of_type(b'T' as u64)),
    INTERRUPT,
];

const NOT_EXECUTABLE: Arguments = Masked { index: 2, mask: libc::PROT_EXEC as u64, value: 0 };
const SECCOMP_SET_MODE_FILTER: u64 = 1;
/// glibc names its memory (prctl(2)).
const PR_SET_VMA: i32 = 0x5356_4d41;

const fn option(option: i32) -> Arguments {
    Masked { index: 0, mask: u64::MAX, value: option as u64 }
}

const fn exactly(command: u64) -> Arguments {
    Masked { index: 1, mask: u64::MAX, value: command }
}

/// ioctls of one kind of device: the type is the second byte of the command (ioctl(2), the kernel's ioctl-number.rst).
const fn of_type(kind: u64) -> Arguments {
    Masked { index: 1, mask: 0xff00, value: kind << 8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: &[c_long] = &[
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_ptrace,
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mkdir,
        libc::SYS_mkdirat,
        libc::SYS_symlink,
        libc::SYS_symlinkat,
        libc::SYS_link,
        libc::SYS_linkat,
        libc::SYS_mknodat,
        libc::SYS_chmod,
        libc::SYS_setuid,
        libc::SYS_kill,
        libc::SYS_bpf,
        libc::SYS_process_vm_readv,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
    ];

    #[test]
    fn no_thread_starts_a_program_or_a_process_or_makes_anything_but_plain_files() {
        for kind in [Kind::Start, Kind::Main, Kind::Vcpu, Kind::Disk, Kind::Net] {
            assert!(rules(kind).all(|(call, _)| !NEVER.contains(&call)), "{kind:?}");
        }
    }

    #[test]
    fn the_process_has_all_that_its_threads_have() {
        for kind in [Kind::Main, Kind::Vcpu, Kind::Disk, Kind::Net] {
            for rule in rules(kind) {
                assert!(rules(Kind::Start).any(|other| other == rule), "{kind:?}: {rule:?}");
            }
        }
        for kind in [Kind::Vcpu, Kind::Disk, Kind::Net] {
            for rule in rules(kind) {
                assert!(
                    rules(Kind::Main).any(|other| other == rule),
                    "a thread made later: {kind:?}: {rule:?}"
                );
            }
        }
    }
}
