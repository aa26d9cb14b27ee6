//! Boot protocols, vCPUs, memory, and what the guest sees of the platform.

use crate::support::*;
use cumulet_vmm_protocol::BootProtocol;

#[test]
fn a_kernel_boots_by_pvh_and_by_the_64_bit_protocol() {
    let Some(kernel) = kernel("a_kernel_boots_by_pvh_and_by_the_64_bit_protocol") else { return };
    // A bzImage has no entry for PVH.
    let protocols: &[BootProtocol] =
        if is_elf(&kernel) { &[BootProtocol::Pvh, BootProtocol::Linux64] } else { &[BootProtocol::Linux64] };
    for &boot in protocols {
        let mut vm = Vm::start(&cumulet_vmm_protocol::MachineSpec { boot, ..spec(&kernel) });
        vm.ready();
        assert_eq!(vm.ask("echo hello"), "hello");
    }
}

#[test]
fn two_and_four_vcpus_work_at_the_same_time() {
    let Some(kernel) = kernel("two_and_four_vcpus_work_at_the_same_time") else { return };
    for vcpus in [2, 4] {
        let mut spec = spec(&kernel);
        spec.vcpus = vcpus;
        let mut vm = Vm::start(&spec);
        vm.ready();
        assert_eq!(vm.ask("cpus"), vcpus.to_string());
        assert!(vm.ask(&format!("spin {}", 2 * vcpus)).starts_with("spun"));
    }
}

#[test]
fn memory_is_from_64_mib_to_beyond_the_hole_below_4_gib() {
    let Some(kernel) = kernel("memory_is_from_64_mib_to_beyond_the_hole_below_4_gib") else { return };
    // A stock kernel alone unpacks itself to more than 64 MiB.
    let least = if is_elf(&kernel) { 64 } else { 192 };
    for (mib, touched) in [(least, 8), (6144, 64)] {
        let mut spec = spec(&kernel);
        spec.memory_mib = mib;
        let mut vm = Vm::start(&spec);
        vm.ready();
        let kib: u64 = vm.ask("memory").parse().unwrap();
        assert!(kib <= mib << 10 && kib > (mib << 10) * 9 / 10 - (40 << 10), "{kib} KiB of {mib} MiB");
        assert!(vm.ask(&format!("touch {touched}")).starts_with(&format!("touched {touched}")));
    }
}

#[test]
fn the_guest_takes_the_platform_for_ec2() {
    let Some(kernel) = kernel("the_guest_takes_the_platform_for_ec2") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    for (file, value) in [
        ("product_uuid", UUID),
        ("product_serial", UUID),
        ("sys_vendor", "Amazon EC2"),
        ("product_name", "t3.micro"),
        ("bios_vendor", "Amazon EC2"),
        ("chassis_asset_tag", "Amazon EC2"),
        ("board_asset_tag", "i-0123456789abcdef0"),
    ] {
        assert_eq!(vm.ask(&format!("cat /sys/class/dmi/id/{file}")), value, "{file}");
    }
}

#[test]
fn the_entropy_device_gives_bytes_that_differ() {
    let Some(kernel) = kernel("the_entropy_device_gives_bytes_that_differ") else { return };
    let mut vm = Vm::start(&spec(&kernel));
    vm.ready();
    let answer = vm.ask("random 4096");
    let (distinct, device) = answer.split_once(' ').unwrap();
    assert!(distinct.parse::<u32>().unwrap() > 200, "{answer}");
    assert!(device.starts_with("virtio_rng"), "{answer}");
}

#[test]
fn the_guest_finds_its_generation_id() {
    let Some(kernel) = kernel("the_guest_finds_its_generation_id") else { return };
    let mut spec = spec(&kernel);
    spec.generation_id = Some("00112233-4455-6677-8899-aabbccddeeff".into());
    let mut vm = Vm::start(&spec);
    vm.ready();
    let is_it = |names: &str| names.split(' ').any(|name| name.starts_with("CUMLVGID"));
    assert!(is_it(&vm.ask("ls /sys/bus/acpi/devices")));
    // The driver shows a link to each device that it has taken. Not every kernel has it.
    let taken = vm.ask("bound vmgenid");
    assert!(taken == "no driver" || is_it(&taken), "{taken}");
}
