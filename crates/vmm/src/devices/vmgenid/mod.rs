//! Virtual machine generation ID: 16 bytes of guest memory that are another number after each start and restore, and an
//! event when they change while the guest runs. A guest that finds them changed begins anew whatever must be unique:
//! Linux reseeds its random generator first. The form is Microsoft's "Virtual Machine Generation ID" (2018).

use crate::config::SpecError;
use crate::memory::{Memory, layout};
use crate::smbios::{parse_uuid, wire_uuid};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// The number, in the order in which a UUID is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerationId([u8; 16]);

impl GenerationId {
    /// Checks the field of a specification.
    pub fn check(field: &str, text: &str) -> Result<Self, SpecError> {
        parse_uuid(text)
            .map(Self)
            .ok_or_else(|| SpecError::new(field, "8-4-4-4-12 lower-case hexadecimal digits"))
    }

    /// Puts it into guest memory. If the guest runs already, raise [`crate::devices::power::EVENT_GENERATION`]
    /// afterwards.
    pub fn write(self, memory: &Memory) -> Result<(), GuestMemoryError> {
        memory.write_slice(&wire_uuid(self.0), GuestAddress(layout::GENERATION_ID))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_lies_in_memory_as_a_guid() {
        let memory = Memory::from_ranges(&[(GuestAddress(0), 1 << 20)]).unwrap();
        let id = GenerationId::check("generation_id", "00112233-4455-6677-8899-aabbccddeeff").unwrap();
        id.write(&memory).unwrap();
        let mut bytes = [0; 16];
        memory.read_slice(&mut bytes, GuestAddress(layout::GENERATION_ID)).unwrap();
        assert_eq!(
            bytes,
            [0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]
        );
    }

    #[test]
    fn what_is_no_uuid_is_refused_with_its_field() {
        assert_eq!(GenerationId::check("generation_id", "7").unwrap_err().field, "generation_id");
    }
}
