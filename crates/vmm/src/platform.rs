//! What KVM keeps of a machine besides its vCPUs: the interrupt controllers and the clock that guests read.

use crate::snapshot::bytes;
use kvm_bindings::{
    KVM_IRQCHIP_IOAPIC, KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, kvm_clock_data, kvm_irqchip,
};
use kvm_ioctls::{Error, VmFd};
use serde::{Deserialize, Serialize};

/// Saved as KVM has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformState {
    #[serde(with = "bytes")]
    pic_master: kvm_irqchip,
    #[serde(with = "bytes")]
    pic_slave: kvm_irqchip,
    #[serde(with = "bytes")]
    ioapic: kvm_irqchip,
    /// Nanoseconds of the guests' monotonic clock.
    clock: u64,
}

/// Reads it; vCPUs stand still.
pub fn save(vm: &VmFd) -> Result<PlatformState, Error> {
    let chip = |chip_id| {
        let mut chip = kvm_irqchip { chip_id, ..Default::default() };
        vm.get_irqchip(&mut chip).map(|()| chip)
    };
    Ok(PlatformState {
        pic_master: chip(KVM_IRQCHIP_PIC_MASTER)?,
        pic_slave: chip(KVM_IRQCHIP_PIC_SLAVE)?,
        ioapic: chip(KVM_IRQCHIP_IOAPIC)?,
        clock: vm.get_clock()?.clock,
    })
}

/// Puts it back; the vCPUs are there. The guest's clock goes on from where it stood: it learns of the time between by
/// other means, as one does who slept.
pub fn restore(vm: &VmFd, state: &PlatformState) -> Result<(), Error> {
    for (chip_id, chip) in [
        (KVM_IRQCHIP_PIC_MASTER, &state.pic_master),
        (KVM_IRQCHIP_PIC_SLAVE, &state.pic_slave),
        (KVM_IRQCHIP_IOAPIC, &state.ioapic),
    ] {
        vm.set_irqchip(&kvm_irqchip { chip_id, ..*chip })?;
    }
    vm.set_clock(&kvm_clock_data { clock: state.clock, ..Default::default() })
}
