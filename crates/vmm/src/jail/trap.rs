//! What happens at a system call that a filter refuses: a line in the log, then the end. The call has not been made. All
//! of it is done in a signal handler, in the middle of whatever the thread was doing, so with bare calls only.

use std::io;

/// Exit status after a refused call; 128 and the number of SIGSYS, as shells have it.
const STATUS_REFUSED: i32 = 128 + libc::SIGSYS;

/// Sets the handler, for all threads.
pub fn install() -> io::Result<()> {
    // SAFETY: the structure is zeroed, which is a valid one, and then filled; the handler makes bare system calls only.
    let set = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut())
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What of `siginfo_t` concerns SIGSYS (sigaction(2), the kernel's asm-generic/siginfo.h), for 64-bit systems.
#[repr(C)]
struct RefusedCall {
    signal: i32,
    errno: i32,
    code: i32,
    _pad: i32,
    address: u64,
    number: i32,
}

extern "C" fn handle(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let mut name = [0u8; 17];
    // SAFETY: the kernel calls a handler that was set with SA_SIGINFO with a pointer to a siginfo_t, which for SIGSYS
    // begins as `RefusedCall` does; the name has room for the 16 bytes that PR_GET_NAME writes.
    let number = unsafe {
        libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr());
        (*info.cast::<RefusedCall>()).number
    };
    let length = name.iter().position(|&byte| byte == 0).unwrap_or(0);
    let mut line = Line::default();
    line.add(b"cumulet-vmm: ending: thread ");
    line.add(&name[..length]);
    line.add(b" made the system call ");
    line.add_number(number.unsigned_abs());
    line.add(b", which its filter refuses\n");
    // SAFETY: the bytes are there; _exit ends the process whatever its threads hold.
    unsafe {
        libc::write(libc::STDERR_FILENO, line.bytes.as_ptr().cast(), line.length);
        libc::_exit(STATUS_REFUSED);
    }
}

/// A line that is put together without memory of the allocator's.
struct Line {
    bytes: [u8; 128],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 128], length: 0 }
    }
}

impl Line {
    fn add(&mut self, text: &[u8]) {
        for &byte in text {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte;
                self.length += 1;
            }
        }
    }

    fn add_number(&mut self, number: u32) {
        if number >= 10 {
            self.add_number(number / 10);
        }
        self.add(&[b'0' + (number % 10) as u8]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_its_room_ends() {
        let mut line = Line::default();
        line.add_number(4_000_000_123);
        assert_eq!(&line.bytes[..line.length], b"4000000123");
        line.add(&[b'x'; 200]);
        assert_eq!(line.length, 128);
    }
}
