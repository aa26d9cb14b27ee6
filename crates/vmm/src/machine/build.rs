//! Composes a machine: KVM, memory, kernel, tables, devices, vCPUs. Each part knows itself; here is only their order.
//! The guest's memory is made and the kernel read while KVM makes the machine, which is slow.

use super::hotplug::Leaving;
use super::{Gate, MachineState};
use crate::begin::{Begin, BootConfig};
use crate::boot::{self, BootError, BootInfo, Entry};
use crate::bus::Bus;
use crate::config::MachineConfig;
use crate::cpu::{self, CpuError, Surroundings, Vcpu, Vcpus};
use crate::devices::balloon::Balloon;
use crate::devices::block::{self, Block, ImageError};
use crate::devices::entropy::Entropy;
use crate::devices::mem::Mem;
use crate::devices::net::{self, Net, Tap, TapError};
use crate::devices::power::{self, Power, ResetLine};
use crate::devices::serial::{self, Console, SerialPort};
use crate::devices::vmclock;
use crate::devices::vsock::{Vsock, VsockConfig};
use crate::event_loop::EventLoop;
use crate::limits::Together;
use crate::memory::{self, Memory, MemoryError, Pagemap, layout};
use crate::pci::{BarWindow, CONFIG_PORTS, ConfigPorts, Ecam, PciRoot, SlotPorts, slots};
use crate::snapshot::{MachineSave, Parts, RestoreError, restore};
use crate::source::Given;
use crate::virtio::{self, TransportConfig, VirtioDevice, VirtioPci};
use crate::{acpi, source, vm};
use cumulet_vmm_protocol::Source;
use kvm_ioctls::{Kvm, VmFd};
use std::io;
use std::sync::Arc;

/// Why a machine can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// KVM.
    #[error("KVM can't be used ({step})")]
    Kvm {
        /// Which step.
        step: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Memory.
    #[error("memory")]
    Memory(#[from] MemoryError),
    /// A file that is named in the specification.
    #[error("{what} can't be opened")]
    Open {
        /// Which one.
        what: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Kernel and RAM disk.
    #[error("kernel")]
    Boot(#[from] BootError),
    /// ACPI and SMBIOS.
    #[error("tables can't be written to guest memory")]
    Tables(#[from] vm_memory::GuestMemoryError),
    /// A disk.
    #[error("disk {id}")]
    Disk {
        /// The volume.
        id: String,
        /// The cause.
        #[source]
        source: ImageError,
    },
    /// An interface.
    #[error("interface {id}")]
    Net {
        /// The interface.
        id: String,
        /// The cause.
        #[source]
        source: TapError,
    },
    /// Sockets between host and guest.
    #[error("the vsock socket can't be made")]
    Vsock(#[source] io::Error),
    /// vCPUs.
    #[error("vCPUs")]
    Cpu(#[from] CpuError),
    /// A saved machine.
    #[error("restore")]
    Restore(#[from] RestoreError),
    /// Descriptors, threads.
    #[error("a descriptor or a thread can't be made")]
    Host(#[from] io::Error),
}

/// A built machine.
#[derive(Debug)]
pub struct Machine {
    /// Its state.
    pub state: Arc<MachineState>,
    /// Its vCPUs.
    pub vcpus: Vcpus,
    /// Its disks.
    pub disks: Vec<Arc<Block>>,
    /// What they may do together.
    pub disk_limits: Together,
    /// Devices on their way out.
    pub(super) leaving: Vec<Leaving>,
    /// The gate of the disks' and interfaces' threads.
    pub disk_gate: Arc<Gate>,
    /// Its interfaces.
    pub nets: Vec<Arc<Net>>,
    /// Its entropy device.
    pub entropy: Option<Arc<Entropy>>,
    /// Its balloon.
    pub balloon: Option<Arc<Balloon>>,
    /// Its memory that comes and goes.
    pub mem: Option<Arc<Mem>>,
    /// Its sockets.
    pub vsock: Option<Arc<Vsock>>,
    /// Its power button.
    pub power: Arc<Power>,
    /// Its serial port.
    pub serial: Arc<SerialPort>,
    /// The devices that the main loop serves.
    pub event_loop: EventLoop,
    /// Guest memory; mapped as long as the machine is.
    pub memory: Memory,
    /// Bytes of it that are there all the time.
    pub(super) memory_bytes: u64,
    /// The bus.
    pub(super) root: Arc<PciRoot>,
    /// Its hotplug registers.
    pub(super) slots: Arc<SlotPorts>,
    /// What devices on the bus need.
    pub(super) transport: TransportConfig,
    /// Which of its pages this process has.
    pub pagemap: Pagemap,
    /// Everything that is saved with it.
    pub parts: Parts,
    /// Whether the guest has a generation ID.
    pub generation_id: bool,
    /// KVM.
    pub kvm: Kvm,
    /// The machine as KVM has it.
    pub vm: Arc<VmFd>,
}

/// Builds the machine; its vCPUs wait to be resumed.
pub fn build(
    config: &MachineConfig,
    state: Arc<MachineState>,
    console: Arc<Console>,
) -> Result<Machine, BuildError> {
    let (prepared, host) = std::thread::scope(|scope| {
        let prepared = std::thread::Builder::new().spawn_scoped(scope, || prepare(config))?;
        let host = open_kvm(&config.kvm);
        Ok::<_, io::Error>((prepared.join().expect("a panic ends the process"), host))
    })?;
    let (memory, beginning) = prepared?;
    let (kvm, vm) = host?;
    memory::register(&vm, &memory)?;
    let kept = vm::keep_config_addresses(&kvm, &vm);
    let mut builder = Builder::new(config, state, vm.clone(), memory.clone())?;
    let serial = builder.add_serial(console)?;
    let power = builder.add_power()?;
    let disk_gate = Arc::new(Gate::default());
    let disk_limits = Together::new(&config.disk_limits);
    let disks = builder.add_disks(&config.disks, &disk_limits, config.vcpus as usize, &disk_gate)?;
    let nets = builder.add_nets(&config.nets, &disk_gate)?;
    let entropy = if config.entropy { Some(builder.add_entropy()?) } else { None };
    let balloon = if config.balloon { Some(builder.add_balloon()?) } else { None };
    let mem = if config.pluggable_bytes > 0 { Some(builder.add_mem(config)?) } else { None };
    let vsock = config.vsock.as_ref().map(|vsock| builder.add_vsock(vsock)).transpose()?;
    let (vcpus, generation_id) = match beginning {
        Beginning::Boot(entry) => {
            (create_vcpus(&kvm, &vm, config.vcpus, entry)?, config.generation_id.is_some())
        }
        Beginning::Restore(saved) => {
            let generation_id = saved.generation_id;
            (restore::apply(&kvm, &vm, *saved, &builder.parts)?, generation_id)
        }
    };
    let vcpus = cpu::spawn(vcpus, &builder.surroundings, kept)?;
    Ok(Machine {
        state: builder.surroundings.machine,
        vcpus,
        disks,
        disk_limits,
        leaving: Vec::new(),
        disk_gate,
        nets,
        entropy,
        balloon,
        mem,
        vsock,
        power,
        serial,
        event_loop: builder.event_loop,
        memory,
        memory_bytes: config.memory_bytes,
        pagemap: Pagemap::open(),
        parts: builder.parts,
        root: builder.root,
        slots: builder.slots,
        transport: builder.transport,
        generation_id,
        kvm,
        vm,
    })
}

/// What the vCPUs begin with.
enum Beginning {
    Boot(Entry),
    Restore(Box<MachineSave>),
}

/// Guest memory and what belongs to it.
fn prepare(config: &MachineConfig) -> Result<(Memory, Beginning), BuildError> {
    match &config.begin {
        Begin::Boot(boot) => {
            prepare_boot(config, boot).map(|(memory, entry)| (memory, Beginning::Boot(entry)))
        }
        Begin::Restore(restore) => {
            let (memory, saved) = restore::open(config, restore)?;
            vmclock::disrupt(&memory)?;
            if let Some(id) = config.generation_id.filter(|_| saved.generation_id) {
                id.write(&memory)?;
            }
            Ok((memory, Beginning::Restore(Box::new(saved))))
        }
    }
}

/// Memory with all that a guest finds in it when it begins.
fn prepare_boot(config: &MachineConfig, boot: &BootConfig) -> Result<(Memory, Entry), BuildError> {
    let open = |what, source: &Source| {
        source::open(source, false).map_err(|source| BuildError::Open { what, source })
    };
    let kernel = open("the kernel image", &boot.kernel)?;
    let initrd = boot.initrd.as_ref().map(|initrd| open("the initial RAM disk", initrd)).transpose()?;
    let memory = memory::create(&config.mapped())?;
    let info = BootInfo {
        memory_bytes: config.memory_bytes,
        vcpus: config.vcpus,
        cmdline: &boot.cmdline,
        protocol: boot.protocol,
    };
    let entry = boot::load(&memory, kernel, initrd, &info)?;
    let info = acpi::AcpiInfo {
        vcpus: config.vcpus,
        memory_bytes: config.memory_bytes,
        pluggable_bytes: config.pluggable_bytes,
        generation_id: config.generation_id.is_some(),
    };
    acpi::write(&memory, info)?;
    vmclock::write(&memory)?;
    if let Some(id) = config.generation_id {
        id.write(&memory)?;
    }
    if let Some(smbios) = &config.smbios {
        smbios.write(&memory)?;
    }
    Ok((memory, entry))
}

fn open_kvm(source: &Source) -> Result<(Kvm, Arc<VmFd>), BuildError> {
    let kvm = vm::open(source).map_err(|source| BuildError::Kvm { step: "open", source })?;
    let vm = vm::create(&kvm).map_err(|(step, error)| BuildError::Kvm { step, source: error.into() })?;
    Ok((kvm, Arc::new(vm)))
}

fn create_vcpus(kvm: &Kvm, vm: &VmFd, count: u32, entry: Entry) -> Result<Vec<Vcpu>, BuildError> {
    let cpuid = cpu::supported_cpuid(kvm)
        .map_err(|error| BuildError::Kvm { step: "supported CPUID", source: error.into() })?;
    Ok((0..count).map(|id| cpu::create(vm, id, count, &cpuid, entry)).collect::<Result<_, _>>()?)
}

/// The address spaces as they grow.
struct Builder {
    surroundings: Surroundings,
    root: Arc<PciRoot>,
    slots: Arc<SlotPorts>,
    /// Where BARs begin: that of a device lies where its slot says.
    bars: u64,
    transport: TransportConfig,
    event_loop: EventLoop,
    vm: Arc<VmFd>,
    parts: Parts,
}

impl Builder {
    fn new(
        config: &MachineConfig,
        machine: Arc<MachineState>,
        vm: Arc<VmFd>,
        memory: Memory,
    ) -> Result<Self, BuildError> {
        let root = Arc::new(PciRoot::default());
        let (mut ports, mut space) = (Bus::default(), Bus::default());
        ports.add(CONFIG_PORTS, Arc::new(ConfigPorts(root.clone())));
        space.add(layout::ECAM..layout::ECAM + layout::ECAM_SIZE, Arc::new(Ecam(root.clone())));
        let slots = Arc::new(SlotPorts::new(machine.clone()));
        let range = u64::from(slots::PORTS_START)..u64::from(slots::PORTS_START + slots::PORTS_COUNT);
        ports.add(range, slots.clone());
        let start = layout::pci64_start(config.memory_bytes, config.pluggable_bytes);
        for range in [layout::HOLE_START..layout::PCI32_END, start..start + layout::PCI64_SIZE] {
            let window = BarWindow { root: root.clone(), start: range.start };
            space.add(range, Arc::new(window));
        }
        Ok(Self {
            bars: start,
            transport: TransportConfig {
                vm: vm.clone(),
                memory,
                sink: Arc::new(vm::Msi(vm.clone())),
                machine: machine.clone(),
            },
            surroundings: Surroundings { ports, memory: space, machine },
            event_loop: EventLoop::new()?,
            parts: vec![root.clone(), slots.clone()],
            slots,
            root,
            vm,
        })
    }

    fn add_serial(&mut self, console: Arc<Console>) -> Result<Arc<SerialPort>, BuildError> {
        let line = vm::interrupt_line(&self.vm, layout::SERIAL_GSI)?;
        let port = Arc::new(SerialPort::new(serial::Line(line), serial::ConsoleWriter(console)));
        self.add_ports(serial::PORTS_START, serial::PORTS_COUNT, port.clone());
        self.parts.push(port.clone());
        Ok(port)
    }

    fn add_power(&mut self) -> Result<Arc<Power>, BuildError> {
        let line = vm::interrupt_line(&self.vm, layout::EVENT_GSI)?;
        let power = Arc::new(Power::new(line, self.surroundings.machine.clone()));
        self.add_ports(power::PORTS_START, power::PORTS_COUNT, power.clone());
        self.parts.push(power.clone());
        self.add_ports(power::KEYBOARD_PORT, 1, Arc::new(ResetLine(self.surroundings.machine.clone())));
        Ok(power)
    }

    fn add_disks(
        &mut self,
        configs: &[block::BlockConfig],
        limits: &Together,
        vcpus: usize,
        gate: &Arc<Gate>,
    ) -> Result<Vec<Arc<Block>>, BuildError> {
        let mut disks = Vec::new();
        for (index, config) in configs.iter().enumerate() {
            let image = block::open(&config.layers, config.read_only, &mut Given::Inherited)
                .map_err(|source| BuildError::Disk { id: config.id.clone(), source })?;
            let disk = Arc::new(Block::new(config.clone(), image, vcpus)?.within(limits));
            self.add_virtio(disk.clone());
            block::spawn(index, disk.clone(), gate.clone(), self.surroundings.machine.clone())?;
            disks.push(disk);
        }
        Ok(disks)
    }

    fn add_nets(
        &mut self,
        configs: &[net::NetConfig],
        gate: &Arc<Gate>,
    ) -> Result<Vec<Arc<Net>>, BuildError> {
        let mut nets = Vec::new();
        for (index, config) in configs.iter().enumerate() {
            let taps = Tap::open_all(config, &mut Given::Inherited)
                .map_err(|source| BuildError::Net { id: config.id.clone(), source })?;
            let net = Arc::new(Net::new(config.clone(), taps)?);
            self.add_virtio(net.clone());
            self.event_loop.add(net.clone())?;
            net::spawn(index, &net, gate)?;
            nets.push(net);
        }
        Ok(nets)
    }

    fn add_entropy(&mut self) -> Result<Arc<Entropy>, BuildError> {
        let entropy = Arc::new(Entropy::new()?);
        self.add_virtio(entropy.clone());
        self.event_loop.add(entropy.clone())?;
        Ok(entropy)
    }

    fn add_balloon(&mut self) -> Result<Arc<Balloon>, BuildError> {
        let balloon = Arc::new(Balloon::new()?);
        self.add_virtio(balloon.clone());
        self.event_loop.add(balloon.clone())?;
        Ok(balloon)
    }

    fn add_mem(&mut self, config: &MachineConfig) -> Result<Arc<Mem>, BuildError> {
        let start = layout::pluggable_start(config.memory_bytes);
        let mem = Arc::new(Mem::new(start, config.pluggable_bytes)?);
        self.add_virtio(mem.clone());
        self.event_loop.add(mem.clone())?;
        Ok(mem)
    }

    fn add_vsock(&mut self, config: &VsockConfig) -> Result<Arc<Vsock>, BuildError> {
        let vsock = Vsock::new(config.clone(), &mut Given::Inherited).map_err(BuildError::Vsock)?;
        let vsock = Arc::new(vsock);
        self.add_virtio(vsock.clone());
        self.event_loop.add(vsock.clone())?;
        Ok(vsock)
    }

    fn add_virtio(&mut self, device: Arc<dyn VirtioDevice>) {
        // The specification's bounds allow fewer devices than there are slots.
        let slot = self.root.free_slot().expect("the bus has a slot");
        let bar = self.bars + slot as u64 * virtio::BAR_SIZE;
        let transport = Arc::new(VirtioPci::new(device, self.transport.clone(), Some(bar)));
        self.parts.push(transport.clone());
        self.root.plug(transport).expect("the slot is free");
    }

    fn add_ports(&mut self, start: u16, count: u16, device: Arc<dyn crate::bus::BusDevice>) {
        let start = u64::from(start);
        self.surroundings.ports.add(start..start + u64::from(count), device);
    }
}
