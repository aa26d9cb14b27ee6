//! Gets a vCPU's thread out of the guest. A signal sets `immediate_exit` of the thread's own `kvm_run`, so a thread
//! that is about to enter the guest comes back at once as well.

use kvm_ioctls::VcpuFd;
use std::cell::Cell;
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::thread::JoinHandle;
use vmm_sys_util::signal::{Killable, SIGRTMIN, register_signal_handler};

thread_local! {
    /// `immediate_exit` of this thread's vCPU, or null. Const-initialised and without a destructor, so that a signal
    /// handler may read it.
    static IMMEDIATE_EXIT: Cell<*mut u8> = const { Cell::new(null_mut()) };
}

extern "C" fn handle(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let flag = IMMEDIATE_EXIT.get();
    if !flag.is_null() {
        // SAFETY: `Kickable` made it point into the shared page of this thread's living vCPU, and clears it before
        // that page is unmapped; the kernel reads the byte as volatile memory.
        unsafe { flag.write_volatile(1) };
    }
}

/// Installs the handler; once per process.
pub fn install() -> Result<(), vmm_sys_util::errno::Error> {
    register_signal_handler(signal(), handle)
}

fn signal() -> RawFd {
    SIGRTMIN()
}

/// Interrupts `thread`.
pub fn kick(thread: &JoinHandle<()>) {
    // The thread is not joined, so it is there; a full signal queue means that a kick is on its way already.
    let _ = thread.kill(signal());
}

/// While it lives, this thread's vCPU can be kicked.
pub struct Kickable(());

impl Kickable {
    /// Makes `vcpu`, which must stay on this thread and outlive the result, kickable.
    pub fn new(vcpu: &mut VcpuFd) -> Self {
        IMMEDIATE_EXIT.set(&raw mut vcpu.get_kvm_run().immediate_exit);
        Self(())
    }
}

impl Drop for Kickable {
    fn drop(&mut self) {
        IMMEDIATE_EXIT.set(null_mut());
    }
}
