//! Pid 1 of the boot benchmark: writes a marker to the console and sleeps. No standard library, so that what is
//! measured is the machine and its kernel.
#![no_std]
#![no_main]

use core::arch::asm;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

fn call(number: usize, first: usize, second: usize, third: usize) {
    // SAFETY: Linux's calling convention; the calls made here only read the marker.
    unsafe {
        asm!("syscall", inlateout("rax") number => _, in("rdi") first, in("rsi") second, in("rdx") third,
             out("rcx") _, out("r11") _);
    }
}

/// Where the kernel begins.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    const WRITE: usize = 1;
    const PAUSE: usize = 34;
    let marker = b"GUEST-INIT\n";
    call(WRITE, 1, marker.as_ptr() as usize, marker.len());
    loop {
        call(PAUSE, 0, 0, 0);
    }
}
