//! The slots of the PCI bus, as ACPI's hotplug sees them: each can be ejected, and a method passes on which ones got a
//! device and which are asked for (ACPI 6.5, 5.6.6 and 6.3).

use super::{Made, path};
use crate::pci::{SLOTS, slots};
use acpi_tables::Aml;
use acpi_tables::aml::{
    And, Arg, Device, Field, FieldAccessType, FieldEntry, FieldLockRule, FieldUpdateRule, If, Local, Method,
    MethodCall, Name, Notify, OpRegion, OpRegionSpace, Store,
};

/// The method that reads the registers and passes on what they say.
pub const METHOD: &str = "\\_SB_.PCI0.PCNT";
/// `Notify` values of ACPI 6.5, 5.6.6: look whether a device is there, and let go of it.
const DEVICE_CHECK: u8 = 1;
const EJECT_REQUEST: u8 = 3;

/// What belongs into the PCI root. Slot 0 is the host bridge's.
pub(super) fn slots() -> Vec<Made> {
    let mut parts = registers();
    parts.extend((1..SLOTS).map(slot));
    let checks: Vec<Made> = (1..SLOTS).flat_map(notify).collect();
    parts.push(method("PNTF", 2, &checks));
    parts.push(method("PCNT", 0, &pass_on()));
    parts
}

fn registers() -> Vec<Made> {
    let entry = |name: &[u8; 4]| FieldEntry::Named(*name, 32);
    vec![
        Made::of(&OpRegion::new(
            path("PREG"),
            OpRegionSpace::SystemIO,
            &slots::PORTS_START,
            &(slots::PORTS_COUNT as u8),
        )),
        Made::of(&Field::new(
            path("PREG"),
            FieldAccessType::DWord,
            FieldLockRule::NoLock,
            FieldUpdateRule::WriteAsZeroes,
            vec![entry(b"PCIU"), entry(b"PCID"), entry(b"PCEJ")],
        )),
    ]
}

fn name(slot: usize) -> String {
    format!("S{slot:03}")
}

fn slot(slot: usize) -> Made {
    let (register, bit) = (path("PCEJ"), 1u32 << slot);
    let eject = Store::new(&register, &bit);
    Made::of(&Device::new(
        path(&name(slot)),
        vec![
            &Name::new(path("_SUN"), &(slot as u8)),
            &Name::new(path("_ADR"), &((slot as u32) << 16)),
            &Method::new(path("_EJ0"), 1, true, vec![&eject]),
        ],
    ))
}

/// `if (Arg0 & bit) Notify (slot, Arg1)`.
fn notify(slot: usize) -> [Made; 2] {
    let one = Local(0);
    [
        Made::of(&And::new(&one, &Arg(0), &(1u32 << slot))),
        Made::of(&If::new(&one, vec![&Notify::new(&path(&name(slot)), &Arg(1))])),
    ]
}

fn pass_on() -> [Made; 2] {
    [("PCIU", DEVICE_CHECK), ("PCID", EJECT_REQUEST)]
        .map(|(register, value)| Made::of(&MethodCall::new(path("PNTF"), vec![&path(register), &value])))
}

fn method(name: &str, arguments: u8, steps: &[Made]) -> Made {
    let steps = steps.iter().map(|step| step as &dyn Aml).collect();
    Made::of(&Method::new(path(name), arguments, true, steps))
}
