//! FADT: what the platform has and, above all, has not, so that a kernel doesn't look for it.

use super::{OEM, OEM_REVISION, OEM_TABLE};
use crate::devices::power;
use acpi_tables::fadt::{FADT, FADTBuilder, Flags, PmProfile};
use acpi_tables::gas::{AccessSize, AddressSpace, GAS};

/// `IAPC_BOOT_ARCH` (ACPI 6.5, 5.2.9.3): no VGA (bit 2), no CMOS clock (bit 5); and with bits 0 and 1 clear neither
/// legacy devices nor a keyboard controller. Looking for a clock alone costs a stock kernel seconds.
const BOOT_ARCHITECTURE: u16 = 1 << 2 | 1 << 5;

/// The table, pointing to the DSDT.
pub fn table(dsdt: u64) -> FADT {
    let mut table = FADTBuilder::new(OEM, OEM_TABLE, OEM_REVISION)
        .dsdt_64(dsdt)
        .preferred_pm_profile(PmProfile::EnterpriseServer)
        .flag(Flags::HwReducedAcpi)
        .flag(Flags::ResetRegSup)
        .flag(Flags::Wbinvd)
        .flag(Flags::PwrButton)
        .flag(Flags::SlpButton);
    table.iapc_boot_arch = BOOT_ARCHITECTURE.into();
    table.reset_reg = register(power::RESET_PORT);
    table.reset_value = power::RESET_VALUE;
    table.sleep_control_reg = register(power::SLEEP_CONTROL_PORT);
    table.sleep_status_reg = register(power::SLEEP_STATUS_PORT);
    table.finalize()
}

fn register(port: u16) -> GAS {
    GAS::new(AddressSpace::SystemIo, 8, 0, AccessSize::ByteAccess, u64::from(port))
}
