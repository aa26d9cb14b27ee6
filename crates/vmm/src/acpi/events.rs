//! The generic event device, and the devices that it tells the guest of: the power button, VMClock and the
//! generation ID.

use super::dsdt::in_system_bus;
use super::{AcpiInfo, Made, path, slots};
use crate::devices::{power, vmclock};
use crate::memory::layout;
use acpi_tables::Aml;
use acpi_tables::aml::{
    And, Device, EISAName, Field, FieldAccessType, FieldEntry, FieldLockRule, FieldUpdateRule, If, Interrupt,
    Local, Memory32Fixed, Method, MethodCall, Name, Notify, OpRegion, OpRegionSpace, Package,
    ResourceTemplate, Store,
};

/// All of them.
pub fn devices(info: AcpiInfo) -> Vec<u8> {
    let mut devices = [power_button(), clock()].concat();
    let mut told = vec![(power::EVENT_POWER_BUTTON, "\\_SB_.PWRB"), (power::EVENT_CLOCK, "\\_SB_.VCLK")];
    if info.generation_id {
        devices.extend(generation_id());
        told.push((power::EVENT_GENERATION, "\\_SB_.VGEN"));
    }
    devices.extend(event_device(&told));
    devices
}

fn power_button() -> Vec<u8> {
    in_system_bus(&Device::new(
        path("PWRB"),
        vec![&Name::new(path("_HID"), &EISAName::new("PNP0C0C")), &Name::new(path("_UID"), &0u8)],
    ))
}

/// Drivers find it by the id that Linux knows; its page is a resource.
fn clock() -> Vec<u8> {
    in_system_bus(&Device::new(
        path("VCLK"),
        vec![
            &Name::new(path("_HID"), &"AMZNC10C"),
            &Name::new(path("_CID"), &"VMCLOCK"),
            &Name::new(path("_DDN"), &"VMCLOCK"),
            &Name::new(path("_UID"), &0u8),
            &Name::new(
                path("_CRS"),
                &ResourceTemplate::new(vec![&Memory32Fixed::new(
                    true,
                    layout::CLOCK as u32,
                    vmclock::SIZE as u32,
                )]),
            ),
        ],
    ))
}

/// `ADDR` gives the halves of the address; drivers find the device by its compatible id.
fn generation_id() -> Vec<u8> {
    let (low, high) = (layout::GENERATION_ID as u32, (layout::GENERATION_ID >> 32) as u32);
    in_system_bus(&Device::new(
        path("VGEN"),
        vec![
            &Name::new(path("_HID"), &"CUMLVGID"),
            &Name::new(path("_CID"), &"VM_Gen_Counter"),
            &Name::new(path("_DDN"), &"VM_Gen_Counter"),
            &Name::new(path("_UID"), &0u8),
            &Name::new(path("ADDR"), &Package::new(vec![&low, &high])),
        ],
    ))
}

/// The generic event device (ACPI 6.5, 5.6.9): its method reads which events are due, which clears them, and passes
/// them on.
fn event_device(told: &[(u8, &str)]) -> Vec<u8> {
    let (due, one) = (Local(0), Local(1));
    let mut steps = vec![Made::of(&Store::new(&due, &path("EVTS")))];
    for (event, device) in told {
        steps.push(Made::of(&And::new(&one, &due, event)));
        steps.push(Made::of(&If::new(&one, vec![&Notify::new(&path(device), &0x80u8)])));
    }
    steps.push(Made::of(&And::new(&one, &due, &power::EVENT_SLOTS)));
    steps.push(Made::of(&If::new(&one, vec![&MethodCall::new(path(slots::METHOD), vec![])])));
    in_system_bus(&Device::new(
        path("GED0"),
        vec![
            &Name::new(path("_HID"), &"ACPI0013"),
            &Name::new(path("_UID"), &0u8),
            &Name::new(
                path("_CRS"),
                &ResourceTemplate::new(vec![&Interrupt::new(true, true, false, false, layout::EVENT_GSI)]),
            ),
            &OpRegion::new(path("EREG"), OpRegionSpace::SystemIO, &power::EVENT_PORT, &1u8),
            &Field::new(
                path("EREG"),
                FieldAccessType::Byte,
                FieldLockRule::NoLock,
                FieldUpdateRule::WriteAsZeroes,
                vec![FieldEntry::Named(*b"EVTS", 8)],
            ),
            &Method::new(path("_EVT"), 1, true, steps.iter().map(|step| step as &dyn Aml).collect()),
        ],
    ))
}
