//! The MSI-X table of a function (PCI 3.0, 6.8.2). A message for a masked vector is remembered and sent at unmasking.
//! Messages go straight to KVM (`KVM_SIGNAL_MSI`), so the guest's changes of the table need no change of routes.

use crate::snapshot::part::PartError;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// The capability's id.
const CAPABILITY: u8 = 0x11;
const ENTRY: usize = 16;
/// Mask bit of an entry's control word.
const MASKED: u32 = 1;
/// Of the capability's message control: all vectors masked, MSI-X in use.
const CONTROL_MASK_ALL: u16 = 1 << 14;
const CONTROL_ENABLE: u16 = 1 << 15;

/// Most vectors of a function: the pending bits are one word.
pub const MAX_VECTORS: usize = 64;
/// Virtio's number for no vector (virtio 1.2, 4.1.5.1.2).
pub const NO_VECTOR: u16 = 0xffff;
/// The pending bits begin at a multiple of this.
pub const PENDING_OFFSET_ALIGN: u64 = 8;

/// A message-signalled interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MsiMessage {
    /// Guest-physical address.
    pub address: u64,
    /// What is written there.
    pub data: u32,
}

/// Takes messages to the guest's interrupt controllers.
pub trait MsiSink: Send + Sync + Debug {
    /// Delivers `message`.
    fn send(&self, message: MsiMessage);
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Vector {
    address: u64,
    data: u32,
    control: u32,
}

/// The table; saved as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MsixTable {
    vectors: Vec<Vector>,
    pending: u64,
    control: u16,
}

/// The body of the capability and its mask, for `vectors` vectors with table and pending bits in BAR 0.
pub fn msix_capability(vectors: usize, table: u32, pending: u32) -> (u8, [u8; 10], [u8; 2]) {
    let mut body = [0; 10];
    body[..2].copy_from_slice(&(vectors as u16 - 1).to_le_bytes());
    body[2..6].copy_from_slice(&table.to_le_bytes());
    body[6..].copy_from_slice(&pending.to_le_bytes());
    (CAPABILITY, body, (CONTROL_MASK_ALL | CONTROL_ENABLE).to_le_bytes())
}

impl MsixTable {
    /// A table with all vectors masked.
    pub fn new(vectors: usize) -> Self {
        assert!((1..=MAX_VECTORS).contains(&vectors));
        Self {
            vectors: vec![Vector { control: MASKED, ..Vector::default() }; vectors],
            pending: 0,
            control: 0,
        }
    }

    /// Takes on a table that was saved, if it has as many vectors.
    pub fn restore(&mut self, saved: Self) -> Result<(), PartError> {
        let beyond = saved.pending.checked_shr(self.vectors.len() as u32).unwrap_or(0);
        if saved.vectors.len() != self.vectors.len() || beyond != 0 {
            return Err(PartError::new(format!("it has {} vectors", self.vectors.len())));
        }
        *self = saved;
        Ok(())
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Never: a table has a vector at least.
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }

    /// Takes the capability's message control and gives the messages that are due by it.
    pub fn set_control(&mut self, control: u16) -> Vec<MsiMessage> {
        self.control = control;
        (0..self.vectors.len()).filter_map(|vector| self.take_pending(vector)).collect()
    }

    /// Reads the table.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        for (index, byte) in data.iter_mut().enumerate() {
            let at = offset as usize + index;
            *byte = self.vectors.get(at / ENTRY).map_or(0, |vector| vector.bytes()[at % ENTRY]);
        }
    }

    /// Writes the table and gives the message that is due by it.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Option<MsiMessage> {
        let slot = offset as usize / ENTRY;
        let vector = self.vectors.get_mut(slot)?;
        let mut bytes = vector.bytes();
        for (index, byte) in data.iter().enumerate() {
            *bytes.get_mut(offset as usize % ENTRY + index)? = *byte;
        }
        *vector = Vector::from_bytes(bytes);
        self.take_pending(slot)
    }

    /// Reads the pending bits.
    pub fn read_pending(&self, offset: u64, data: &mut [u8]) {
        let bytes = self.pending.to_le_bytes();
        for (index, byte) in data.iter_mut().enumerate() {
            *byte = bytes.get(offset as usize + index).copied().unwrap_or(0);
        }
    }

    /// Raises `vector`: gives its message, or remembers it where it is masked.
    pub fn raise(&mut self, vector: u16) -> Option<MsiMessage> {
        if usize::from(vector) >= self.vectors.len() || self.control & CONTROL_ENABLE == 0 {
            return None;
        }
        self.pending |= 1 << vector;
        self.take_pending(usize::from(vector))
    }

    fn take_pending(&mut self, slot: usize) -> Option<MsiMessage> {
        let vector = self.vectors[slot];
        let open = self.control & (CONTROL_ENABLE | CONTROL_MASK_ALL) == CONTROL_ENABLE
            && vector.control & MASKED == 0;
        if !open || self.pending & 1 << slot == 0 {
            return None;
        }
        self.pending &= !(1 << slot);
        Some(MsiMessage { address: vector.address, data: vector.data })
    }
}

impl Vector {
    fn bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.address.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.data.to_le_bytes());
        bytes[12..].copy_from_slice(&self.control.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; ENTRY]) -> Self {
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        Self {
            address: u64::from(word(0)) | u64::from(word(4)) << 32,
            data: word(8),
            control: word(12) & MASKED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Raise(u16),
        Mask(u64, bool),
        MaskAll(bool),
    }

    fn step(vectors: u16) -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..vectors + 2).prop_map(Step::Raise),
            (0..u64::from(vectors), any::<bool>()).prop_map(|(vector, on)| Step::Mask(vector, on)),
            any::<bool>().prop_map(Step::MaskAll),
        ]
    }

    proptest! {
        /// Messages are neither lost nor sent while masked; several raises of a masked vector are one message.
        #[test]
        fn a_masked_vector_is_sent_once_when_it_is_unmasked(steps in prop::collection::vec(step(4), 0..60)) {
            let mut table = MsixTable::new(4);
            for vector in 0..4u64 {
                table.write(vector * 16 + 8, &(vector as u32).to_le_bytes());
            }
            table.set_control(CONTROL_ENABLE);
            let (mut masked, mut mask_all, mut due) = ([true; 4], false, [false; 4]);
            for step in steps {
                let sent: Vec<MsiMessage> = match step {
                    Step::Raise(vector) => {
                        if let Some(due) = due.get_mut(usize::from(vector)) {
                            *due = true;
                        }
                        table.raise(vector).into_iter().collect()
                    }
                    Step::Mask(vector, on) => {
                        masked[vector as usize] = on;
                        table.write(vector * 16 + 12, &u32::from(on).to_le_bytes()).into_iter().collect()
                    }
                    Step::MaskAll(on) => {
                        mask_all = on;
                        table.set_control(CONTROL_ENABLE | if on { CONTROL_MASK_ALL } else { 0 })
                    }
                };
                let expected: Vec<u32> =
                    (0..4).filter(|&vector| due[vector] && !masked[vector] && !mask_all).map(|v| v as u32).collect();
                expected.iter().for_each(|&vector| due[vector as usize] = false);
                prop_assert_eq!(sent.iter().map(|message| message.data).collect::<Vec<_>>(), expected);
            }
        }

        #[test]
        fn no_access_reaches_outside_the_table(offset in 0u64..8192, data in prop::collection::vec(any::<u8>(), 1..9)) {
            let mut table = MsixTable::new(3);
            table.write(offset, &data);
            let mut read = data.clone();
            table.read(offset, &mut read);
            table.read_pending(offset, &mut read);
        }
    }
}
