//! The thread of a vCPU: enters the guest, serves its accesses to devices, stands still while the machine is paused,
//! and ends the machine when the guest can't go on.

use super::kick::{self, Kickable};
use crate::bus::Bus;
use crate::machine::{Gate, MachineState, Pass};
use cumulet_vmm_protocol::ExitReason;
use cumulet_vmm_protocol::metrics::VcpuMetrics;
use kvm_bindings::{KVM_SYSTEM_EVENT_RESET, KVM_SYSTEM_EVENT_SHUTDOWN};
use kvm_ioctls::{VcpuExit, VcpuFd};
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// All vCPU threads of a machine.
#[derive(Debug)]
pub struct Vcpus {
    threads: Vec<(JoinHandle<()>, Arc<Shared>)>,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Set to make the thread look at the gate.
    stop: AtomicBool,
    exits: AtomicU64,
}

/// What a vCPU thread works with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Port space.
    pub ports: Bus,
    /// Memory space.
    pub memory: Bus,
    /// The machine.
    pub machine: Arc<MachineState>,
}

/// Starts a thread for each vCPU. They wait until [`Vcpus::resume`].
pub fn spawn(vcpus: Vec<VcpuFd>, surroundings: &Surroundings) -> std::io::Result<Vcpus> {
    kick::install()?;
    let gate = Arc::new(Gate::default());
    let mut threads = Vec::new();
    for (index, vcpu) in vcpus.into_iter().enumerate() {
        let shared = Arc::new(Shared { stop: AtomicBool::new(true), ..Shared::default() });
        let worker = Worker {
            index: index as u32,
            surroundings: surroundings.clone(),
            gate: gate.clone(),
            shared: shared.clone(),
        };
        gate.enter();
        let thread =
            std::thread::Builder::new().name(format!("vcpu{index}")).spawn(move || worker.run(vcpu))?;
        threads.push((thread, shared));
    }
    Ok(Vcpus { threads, gate })
}

impl Vcpus {
    /// Stops all vCPUs; returns when none is in the guest.
    pub fn pause(&self) {
        self.gate.close(|| self.kick());
    }

    /// Lets all vCPUs run.
    pub fn resume(&self) {
        self.gate.open();
    }

    /// Stops all vCPUs for good.
    pub fn end(&self) {
        self.gate.end(|| self.kick());
    }

    /// Counters.
    pub fn metrics(&self) -> Vec<VcpuMetrics> {
        let of = |(thread, shared): &(JoinHandle<()>, Arc<Shared>)| VcpuMetrics {
            cpu_time_us: cpu_time_us(thread),
            exits: shared.exits.load(Ordering::Relaxed),
        };
        self.threads.iter().map(of).collect()
    }

    fn kick(&self) {
        for (thread, shared) in &self.threads {
            shared.stop.store(true, Ordering::SeqCst);
            kick::kick(thread);
        }
    }
}

/// CPU time of a thread that has not been joined.
fn cpu_time_us(thread: &JoinHandle<()>) -> u64 {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the thread is not joined, so its handle is valid; both results are written to our variables.
    let known = unsafe {
        libc::pthread_getcpuclockid(thread.as_pthread_t(), &raw mut clock) == 0
            && libc::clock_gettime(clock, &raw mut time) == 0
    };
    if known { time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000 } else { 0 }
}

struct Worker {
    index: u32,
    surroundings: Surroundings,
    gate: Arc<Gate>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(self, mut vcpu: VcpuFd) {
        let kickable = Kickable::new(&mut vcpu);
        loop {
            if self.shared.stop.load(Ordering::Relaxed) && !self.stand(&mut vcpu) {
                break;
            }
            if let Some(reason) = self.step(&mut vcpu) {
                self.surroundings.machine.end(reason);
            }
            self.shared.exits.fetch_add(1, Ordering::Relaxed);
            if self.surroundings.machine.is_ending() {
                self.gate.leave();
                break;
            }
        }
        drop(kickable);
    }

    /// Stands before the gate; false means to leave.
    fn stand(&self, vcpu: &mut VcpuFd) -> bool {
        // Cleared before the gate is looked at: a kick that comes later sets both again.
        self.shared.stop.store(false, Ordering::SeqCst);
        vcpu.set_kvm_immediate_exit(0);
        self.gate.pass() == Pass::Go
    }

    /// Runs the guest until its next exit and serves that.
    fn step(&self, vcpu: &mut VcpuFd) -> Option<ExitReason> {
        let Surroundings { ports, memory, machine } = &self.surroundings;
        match vcpu.run() {
            Ok(VcpuExit::IoIn(port, data)) => ports.read(u64::from(port), data),
            Ok(VcpuExit::IoOut(port, data)) => ports.write(u64::from(port), data),
            Ok(VcpuExit::MmioRead(address, data)) => memory.read(address, data),
            Ok(VcpuExit::MmioWrite(address, data)) => memory.write(address, data),
            Ok(VcpuExit::Intr | VcpuExit::Hlt | VcpuExit::IrqWindowOpen) => {}
            Ok(VcpuExit::Shutdown) => return Some(ExitReason::TripleFault { vcpu: self.index }),
            Ok(VcpuExit::SystemEvent(KVM_SYSTEM_EVENT_SHUTDOWN, _)) => machine.end_by_poweroff(),
            Ok(VcpuExit::SystemEvent(KVM_SYSTEM_EVENT_RESET, _)) => return Some(ExitReason::GuestReset),
            Ok(exit) => {
                let exit = format!("{exit:?}");
                return Some(self.crash(vcpu, &exit));
            }
            Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {}
            Err(error) => return Some(self.crash(vcpu, &format!("KVM_RUN failed: {error}"))),
        }
        None
    }

    /// What is known of a guest that KVM can't go on with.
    fn crash(&self, vcpu: &VcpuFd, what: &str) -> ExitReason {
        let place =
            vcpu.get_regs().map_or_else(|_| "an unknown place".to_owned(), |regs| format!("{:#x}", regs.rip));
        ExitReason::GuestCrash { how: format!("vCPU {} at {place}: {what}", self.index) }
    }
}
