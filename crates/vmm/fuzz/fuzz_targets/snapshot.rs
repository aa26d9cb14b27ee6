//! The loader of saved machines takes any content in a file whose checksum is right: parts take their state or refuse
//! it, and a device that was restored works on queues that stand anywhere. A good seed is the content of
//! `tests/golden/state-v1`, from its byte 64 on. Where there is no KVM, devices on the bus are left out.
#![no_main]

use cumulet_vmm::devices::entropy::Entropy;
use cumulet_vmm::devices::power::Power;
use cumulet_vmm::devices::serial::{Console, ConsoleWriter, Line, SerialPort};
use cumulet_vmm::event_loop::EventSource;
use cumulet_vmm::machine::MachineState;
use cumulet_vmm::memory::{Memory, WorkingSet};
use cumulet_vmm::pci::PciRoot;
use cumulet_vmm::snapshot::MachineSave;
use cumulet_vmm::snapshot::format::{self, Kind};
use cumulet_vmm::snapshot::part::Part;
use cumulet_vmm::virtio::{TransportConfig, VirtioPci};
use cumulet_vmm::vm;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};
use vm_memory::GuestAddress;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

fuzz_target!(|content: &[u8]| {
    let _ = format::decode::<MachineSave>(Kind::State, content);
    if let Ok(set) = format::decode::<WorkingSet>(Kind::WorkingSet, &file(Kind::WorkingSet, content)) {
        set.fetch(&memory());
    }
    if let Ok(saved) = format::decode::<MachineSave>(Kind::State, &file(Kind::State, content)) {
        restore(saved);
    }
});

/// A right file around `content`.
fn file(kind: Kind, content: &[u8]) -> Vec<u8> {
    let mut file = b"CUMULET VM-SAVE\n".to_vec();
    file.extend(format::VERSION.to_le_bytes());
    file.extend((kind as u32).to_le_bytes());
    file.extend((content.len() as u64).to_le_bytes());
    let checksum = Sha256::new().chain_update(&file).chain_update(content).finalize();
    file.extend(checksum);
    file.extend(content);
    file
}

fn memory() -> Memory {
    Memory::from_ranges(&[(GuestAddress(0), 1 << 20)]).expect("a little memory")
}

fn restore(saved: MachineSave) {
    let line = || EventFd::new(EFD_NONBLOCK).expect("a descriptor");
    let state = Arc::new(MachineState::new().expect("a descriptor"));
    let console = Arc::new(Console::new(4096).expect("a descriptor"));
    let serial = SerialPort::new(Line(line()), ConsoleWriter(console));
    let power = Power::new(line(), state.clone());
    let device = transport(state).map(|transport| {
        let entropy = Arc::new(Entropy::new().expect("a descriptor"));
        (VirtioPci::new(entropy.clone(), transport, Some(0x40_0000_0000)), entropy)
    });
    for (name, part) in saved.parts {
        let result = match name.as_str() {
            "serial" => serial.restore(part).map(|()| serial.restored()),
            "power" => power.restore(part).map(|()| power.restored()),
            "pci" => PciRoot::default().restore(part),
            _ => match &device {
                Some((transport, entropy)) => transport.restore(part).map(|()| {
                    entropy.ready(0);
                    transport.save().expect("what was restored can be saved");
                }),
                None => Ok(()),
            },
        };
        let _ = result;
    }
    // A port that was restored serves what is typed and read.
    serial.type_in(b"typed");
    serial.save().expect("what was restored can be saved");
}

fn transport(machine: Arc<MachineState>) -> Option<TransportConfig> {
    static VM: OnceLock<Option<Arc<kvm::VmFd>>> = OnceLock::new();
    let vm = VM.get_or_init(|| {
        let kvm = kvm::Kvm::new().ok()?;
        kvm.create_vm().ok().map(Arc::new)
    });
    let vm = vm.clone()?;
    Some(TransportConfig { sink: Arc::new(vm::Msi(vm.clone())), vm, memory: memory(), machine })
}
