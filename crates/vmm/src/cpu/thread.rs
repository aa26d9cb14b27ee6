//! The thread of a vCPU: enters the guest, serves its accesses to devices, stands still while the machine is paused,
//! and ends the machine when the guest can't go on.

use super::kept::Kept;
use super::kick::{self, Kickable};
use super::state::{self, VcpuState};
use super::{CpuError, Vcpu};
use crate::bus::Bus;
use crate::jail;
use crate::machine::{Gate, MachineState, Pass};
use cumulet_vmm_protocol::ExitReason;
use cumulet_vmm_protocol::metrics::VcpuMetrics;
use kvm_bindings::{KVM_SYSTEM_EVENT_RESET, KVM_SYSTEM_EVENT_SHUTDOWN};
use kvm_ioctls::{VcpuExit, VcpuFd, VmFd};
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// All vCPU threads of a machine.
#[derive(Debug)]
pub struct Vcpus {
    threads: Vec<(JoinHandle<()>, Arc<Shared>)>,
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct Shared {
    /// Locked by the thread while it runs the guest; others use it only while the thread stands before the gate.
    vcpu: Mutex<Vcpu>,
    /// Set to make the thread look at the gate.
    stop: AtomicBool,
    exits: AtomicU64,
}

impl Shared {
    fn vcpu(&self) -> MutexGuard<'_, Vcpu> {
        self.vcpu.lock().expect("no thread panicked")
    }
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

/// Starts a thread for each vCPU. They wait until [`Vcpus::resume`]. `kept` tells whether KVM keeps addresses
/// ([`crate::vm::keep_config_addresses`]).
pub fn spawn(vcpus: Vec<Vcpu>, surroundings: &Surroundings, kept: bool) -> std::io::Result<Vcpus> {
    kick::install()?;
    let kept = match vcpus.first() {
        Some(vcpu) if kept => Kept::of(&vcpu.fd)?,
        _ => Kept::default(),
    };
    let gate = Arc::new(Gate::default());
    let mut threads = Vec::new();
    for (index, vcpu) in vcpus.into_iter().enumerate() {
        let shared = Arc::new(Shared {
            vcpu: Mutex::new(vcpu),
            stop: AtomicBool::new(true),
            exits: AtomicU64::new(0),
        });
        let worker = Worker {
            index: index as u32,
            surroundings: surroundings.clone(),
            gate: gate.clone(),
            shared: shared.clone(),
            kept: kept.clone(),
        };
        gate.enter();
        let thread = std::thread::Builder::new().name(format!("vcpu{index}")).spawn(move || worker.run())?;
        threads.push((thread, shared));
    }
    Ok(Vcpus { threads, gate })
}

impl Vcpus {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

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

    /// Tells the guest's watchdogs that paused vCPUs stood still. Refused where its kernel uses no KVM clock.
    pub fn tell_they_stood(&self) {
        for (_, shared) in &self.threads {
            let _ = shared.vcpu().fd.kvmclock_ctrl();
        }
    }

    /// The state of all vCPUs, which are paused. `msrs` are the registers to save.
    pub fn save(&self, vm: &VmFd, msrs: &[u32]) -> Result<Vec<VcpuState>, CpuError> {
        let save = |(index, (_, shared)): (usize, &(JoinHandle<()>, Arc<Shared>))| {
            state::save(vm, &shared.vcpu(), index as u32, msrs)
        };
        self.threads.iter().enumerate().map(save).collect()
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
    kept: Kept,
}

/// What came of a stay in the guest.
enum Stay {
    /// It wanted something of a device and has got it. KVM tells the guest at the next entry.
    Served,
    /// It was cut short, with nothing owed to the guest.
    Interrupted,
    /// The machine ends.
    End(ExitReason),
}

impl Worker {
    fn run(self) {
        jail::enter(jail::Kind::Vcpu).expect("a filter that was taken before");
        let kickable = Kickable::new(&mut self.shared.vcpu().fd);
        let mut owed = false;
        loop {
            if self.shared.stop.load(Ordering::Relaxed) {
                if owed {
                    self.pay();
                }
                // Before anybody saves the machine.
                self.kept.deliver(&self.surroundings.ports);
                if !self.stand() {
                    break;
                }
            }
            owed = self.stay();
            if self.surroundings.machine.is_ending() {
                self.gate.leave();
                break;
            }
        }
        drop(kickable);
    }

    /// Stands before the gate; false means to leave.
    fn stand(&self) -> bool {
        // Cleared before the gate is looked at: a kick that comes later sets both again.
        self.shared.stop.store(false, Ordering::SeqCst);
        self.shared.vcpu().fd.set_kvm_immediate_exit(0);
        self.gate.pass() == Pass::Go
    }

    /// Has KVM finish what the guest was served last, without running it: only then are its registers whole. An access
    /// that KVM has cut into pieces may want more of a device.
    fn pay(&self) {
        loop {
            self.shared.vcpu().fd.set_kvm_immediate_exit(1);
            if !self.stay() || self.surroundings.machine.is_ending() {
                return;
            }
        }
    }

    /// Runs the guest until its next exit and serves that. True when KVM owes the guest the end of it.
    fn stay(&self) -> bool {
        let stay = self.step(&mut self.shared.vcpu().fd);
        self.shared.exits.fetch_add(1, Ordering::Relaxed);
        match stay {
            Stay::Served => return true,
            Stay::Interrupted => {}
            Stay::End(reason) => self.surroundings.machine.end(reason),
        }
        false
    }

    fn step(&self, vcpu: &mut VcpuFd) -> Stay {
        let Surroundings { ports, memory, machine } = &self.surroundings;
        match vcpu.run() {
            Ok(VcpuExit::IoIn(port, data)) => {
                self.kept.deliver_for(port, ports);
                ports.read(u64::from(port), data);
            }
            Ok(VcpuExit::IoOut(port, data)) => {
                self.kept.deliver_for(port, ports);
                ports.write(u64::from(port), data);
            }
            Ok(VcpuExit::MmioRead(address, data)) => memory.read(address, data),
            Ok(VcpuExit::MmioWrite(address, data)) => memory.write(address, data),
            Ok(VcpuExit::Intr | VcpuExit::Hlt | VcpuExit::IrqWindowOpen) => return Stay::Interrupted,
            Ok(VcpuExit::Shutdown) => return Stay::End(ExitReason::TripleFault { vcpu: self.index }),
            Ok(VcpuExit::SystemEvent(KVM_SYSTEM_EVENT_SHUTDOWN, _)) => machine.end_by_poweroff(),
            Ok(VcpuExit::SystemEvent(KVM_SYSTEM_EVENT_RESET, _)) => return Stay::End(ExitReason::GuestReset),
            Ok(exit) => {
                let exit = format!("{exit:?}");
                return Stay::End(self.crash(vcpu, &exit));
            }
            Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {
                // The signal of a kick may come after the flag it set was seen, and would then keep the guest out for
                // ever. One that has not been seen is seen right after this.
                vcpu.set_kvm_immediate_exit(0);
                return Stay::Interrupted;
            }
            Err(error) => return Stay::End(self.crash(vcpu, &format!("KVM_RUN failed: {error}"))),
        }
        Stay::Served
    }

    /// What is known of a guest that KVM can't go on with.
    fn crash(&self, vcpu: &VcpuFd, what: &str) -> ExitReason {
        let place =
            vcpu.get_regs().map_or_else(|_| "an unknown place".to_owned(), |regs| format!("{:#x}", regs.rip));
        ExitReason::GuestCrash { how: format!("vCPU {} at {place}: {what}", self.index) }
    }
}
