//! The common configuration registers (virtio 1.2, 4.1.4.3) as plain state: what a driver writes here tells the
//! transport what to do.

use crate::pci::NO_VECTOR;
use crate::snapshot::part::PartError;
use crate::virtio::F_VERSION_1;
use serde::{Deserialize, Serialize};

/// Bits of the device status (virtio 1.2, 2.1).
pub mod status {
    /// The driver accepted the features and the device agreed.
    pub const FEATURES_OK: u8 = 8;
    /// The driver is ready.
    pub const DRIVER_OK: u8 = 4;
    /// The device is broken until a reset.
    pub const NEEDS_RESET: u8 = 64;
}

/// What a write asks of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing more.
    None,
    /// Begin to work.
    Activate,
    /// Stop, and be as new.
    Reset,
    /// The vector for configuration changes was chosen.
    ConfigVector(u16),
    /// The vector of a queue was chosen.
    QueueVector(usize, u16),
}

/// How a driver has set up a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSetup {
    /// Largest size.
    pub max: u16,
    /// Chosen size.
    pub size: u16,
    /// MSI-X vector.
    pub vector: u16,
    /// Whether it is in use.
    pub enabled: bool,
    /// Guest-physical address of the descriptor table.
    pub descriptors: u64,
    /// Of the available ring.
    pub driver: u64,
    /// Of the used ring.
    pub device: u64,
}

impl QueueSetup {
    fn new(max: u16) -> Self {
        Self { max, size: max, vector: NO_VECTOR, enabled: false, descriptors: 0, driver: 0, device: 0 }
    }
}

/// The registers; saved as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonConfig {
    offered: u64,
    device_feature_select: u32,
    driver_feature_select: u32,
    accepted: u64,
    config_vector: u16,
    status: u8,
    queue_select: u16,
    queues: Vec<QueueSetup>,
}

impl CommonConfig {
    /// A device that offers `features` and has queues of the sizes given.
    pub fn new(features: u64, queue_sizes: &[u16]) -> Self {
        Self {
            offered: features,
            device_feature_select: 0,
            driver_feature_select: 0,
            accepted: 0,
            config_vector: NO_VECTOR,
            status: 0,
            queue_select: 0,
            queues: queue_sizes.iter().map(|size| QueueSetup::new(*size)).collect(),
        }
    }

    /// As after power-up.
    pub fn reset(&mut self) {
        let sizes: Vec<u16> = self.queues.iter().map(|queue| queue.max).collect();
        *self = Self::new(self.offered, &sizes);
    }

    /// Takes on registers that were saved, if a driver could have set them so on this device with `vectors` MSI-X
    /// vectors. A device that offers more than the saved one goes on with what was offered then.
    pub fn restore(&mut self, saved: Self, vectors: usize) -> Result<(), PartError> {
        let missing = saved.offered & !self.offered;
        if missing != 0 {
            return Err(PartError::new(format!("it lacks features {missing:#x}")));
        }
        let agreed = saved.accepted & !saved.offered == 0 && saved.accepted & F_VERSION_1 != 0;
        if saved.status & status::FEATURES_OK != 0 && !agreed {
            return Err(PartError::new("features were accepted that were not offered"));
        }
        if saved.queues.len() != self.queues.len() {
            return Err(PartError::new(format!("it has {} queues", self.queues.len())));
        }
        let known = |vector: u16| known_vector(vector, vectors) == vector;
        let right = |(own, saved): (&QueueSetup, &QueueSetup)| {
            own.max == saved.max
                && saved.size.is_power_of_two()
                && saved.size <= own.max
                && known(saved.vector)
        };
        if !self.queues.iter().zip(&saved.queues).all(right) || !known(saved.config_vector) {
            return Err(PartError::new("its queues are set up as no driver can"));
        }
        *self = saved;
        Ok(())
    }

    /// The queues.
    pub fn queues(&self) -> &[QueueSetup] {
        &self.queues
    }

    /// The features that driver and device agreed on.
    pub fn features(&self) -> u64 {
        self.accepted
    }

    /// Whether the driver is ready.
    pub fn is_active(&self) -> bool {
        self.status & status::DRIVER_OK != 0
    }

    /// Reads registers. Each is read as a whole or, where it has 8 bytes, by halves; else it reads as 0.
    pub fn read(&self, offset: usize, data: &mut [u8]) {
        let queue = self.queues.get(usize::from(self.queue_select));
        let field = |value: fn(&QueueSetup) -> u64| queue.map_or(0, value);
        let value = match (offset, data.len()) {
            (0x00, 4) => u64::from(self.device_feature_select),
            (0x04, 4) => half(self.offered, self.device_feature_select),
            (0x08, 4) => u64::from(self.driver_feature_select),
            (0x0c, 4) => half(self.accepted, self.driver_feature_select),
            (0x10, 2) => u64::from(self.config_vector),
            (0x12, 2) => self.queues.len() as u64,
            (0x14, 1) => u64::from(self.status),
            (0x16, 2) => u64::from(self.queue_select),
            (0x18, 2) => field(|queue| u64::from(queue.size)),
            (0x1a, 2) => queue.map_or(u64::from(NO_VECTOR), |queue| u64::from(queue.vector)),
            (0x1c, 2) => field(|queue| u64::from(queue.enabled)),
            // Where the queue is notified: by its number.
            (0x1e, 2) => u64::from(self.queue_select),
            (0x20 | 0x24, 4) | (0x20, 8) => field(|queue| queue.descriptors) >> (8 * (offset - 0x20)),
            (0x28 | 0x2c, 4) | (0x28, 8) => field(|queue| queue.driver) >> (8 * (offset - 0x28)),
            (0x30 | 0x34, 4) | (0x30, 8) => field(|queue| queue.device) >> (8 * (offset - 0x30)),
            _ => 0,
        };
        let bytes = value.to_le_bytes();
        for (index, byte) in data.iter_mut().enumerate() {
            *byte = bytes.get(index).copied().unwrap_or(0);
        }
    }

    /// Writes registers. `vectors` is the number of MSI-X vectors.
    pub fn write(&mut self, offset: usize, data: &[u8], vectors: usize) -> Effect {
        let mut bytes = [0; 8];
        let Some(target) = bytes.get_mut(..data.len()) else { return Effect::None };
        target.copy_from_slice(data);
        let value = u64::from_le_bytes(bytes);
        match (offset, data.len()) {
            (0x00, 4) => self.device_feature_select = value as u32,
            (0x08, 4) => self.driver_feature_select = value as u32,
            (0x0c, 4) if self.status & status::FEATURES_OK == 0 => self.accept(value as u32),
            (0x10, 2) => {
                self.config_vector = known_vector(value as u16, vectors);
                return Effect::ConfigVector(self.config_vector);
            }
            (0x14, 1) => return self.write_status(value as u8),
            (0x16, 2) => self.queue_select = value as u16,
            (0x1a, 2) => {
                let index = usize::from(self.queue_select);
                if let Some(queue) = self.queues.get_mut(index) {
                    queue.vector = known_vector(value as u16, vectors);
                    return Effect::QueueVector(index, queue.vector);
                }
            }
            _ => self.write_queue(offset, data.len(), value),
        }
        Effect::None
    }

    fn write_queue(&mut self, offset: usize, length: usize, value: u64) {
        let Some(queue) = self.queues.get_mut(usize::from(self.queue_select)) else { return };
        // A queue in use can't be changed (virtio 1.2, 4.1.4.3.2).
        if queue.enabled {
            return;
        }
        match (offset, length) {
            (0x18, 2) if (value as u16).is_power_of_two() && value as u16 <= queue.max => {
                queue.size = value as u16
            }
            (0x1c, 2) if value == 1 => queue.enabled = true,
            (0x20 | 0x24, 4) | (0x20, 8) => put(&mut queue.descriptors, offset - 0x20, length, value),
            (0x28 | 0x2c, 4) | (0x28, 8) => put(&mut queue.driver, offset - 0x28, length, value),
            (0x30 | 0x34, 4) | (0x30, 8) => put(&mut queue.device, offset - 0x30, length, value),
            _ => {}
        }
    }

    fn accept(&mut self, value: u32) {
        match self.driver_feature_select {
            0 => self.accepted = (self.accepted & !0xffff_ffff) | u64::from(value),
            1 => self.accepted = (self.accepted & 0xffff_ffff) | u64::from(value) << 32,
            _ => {}
        }
    }

    fn write_status(&mut self, value: u8) -> Effect {
        if value == 0 {
            return Effect::Reset;
        }
        let before = self.status;
        let mut status = value & !status::NEEDS_RESET;
        let agreed = self.accepted & !self.offered == 0 && self.accepted & F_VERSION_1 != 0;
        if before & status::FEATURES_OK == 0 && !agreed {
            status &= !status::FEATURES_OK;
        }
        if status & status::FEATURES_OK == 0 {
            status &= !status::DRIVER_OK;
        }
        // Bits are taken back by a reset alone.
        self.status = before | status;
        if before & status::DRIVER_OK == 0 && self.is_active() { Effect::Activate } else { Effect::None }
    }
}

fn half(features: u64, select: u32) -> u64 {
    match select {
        0 => features & 0xffff_ffff,
        1 => features >> 32,
        _ => 0,
    }
}

fn put(field: &mut u64, offset: usize, length: usize, value: u64) {
    let mask = if length == 8 { u64::MAX } else { 0xffff_ffff << (8 * offset) };
    *field = (*field & !mask) | (value << (8 * offset) & mask);
}

fn known_vector(vector: u16, vectors: usize) -> u16 {
    if usize::from(vector) < vectors { vector } else { NO_VECTOR }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write32(config: &mut CommonConfig, offset: usize, value: u32) -> Effect {
        config.write(offset, &value.to_le_bytes(), 3)
    }

    fn device() -> CommonConfig {
        CommonConfig::new(F_VERSION_1 | 0b101, &[256, 128])
    }

    fn accept(config: &mut CommonConfig, features: u64) {
        for half in 0..2 {
            write32(config, 0x08, half);
            write32(config, 0x0c, (features >> (32 * half)) as u32);
        }
    }

    #[test]
    fn a_driver_goes_the_way_of_the_specification() {
        let mut config = device();
        accept(&mut config, F_VERSION_1 | 1);
        assert_eq!(config.write(0x14, &[1 | 2 | 8], 3), Effect::None);
        config.write(0x16, &[1, 0], 3);
        config.write(0x20, &0x1_2345_6000u64.to_le_bytes(), 3);
        write32(&mut config, 0x28, 0x7000);
        assert_eq!(config.write(0x1a, &[2, 0], 3), Effect::QueueVector(1, 2));
        assert_eq!(config.write(0x1a, &[3, 0], 3), Effect::QueueVector(1, NO_VECTOR));
        config.write(0x1c, &[1, 0], 3);
        assert_eq!(config.write(0x14, &[1 | 2 | 8 | 4], 3), Effect::Activate);
        assert_eq!((config.queues()[1].descriptors, config.queues()[1].driver), (0x1_2345_6000, 0x7000));
        assert_eq!(config.write(0x14, &[0], 3), Effect::Reset);
    }

    #[test]
    fn features_that_were_not_offered_are_not_agreed() {
        for features in [F_VERSION_1 | 2, 1, 0] {
            let mut config = device();
            accept(&mut config, features);
            config.write(0x14, &[1 | 2 | 8 | 4], 3);
            let mut status = [0];
            config.read(0x14, &mut status);
            assert_eq!(status[0], 1 | 2, "{features:#x}");
        }
    }

    #[test]
    fn a_queue_in_use_keeps_its_addresses() {
        let mut config = device();
        write32(&mut config, 0x20, 0x1000);
        config.write(0x1c, &[1, 0], 3);
        write32(&mut config, 0x20, 0x2000);
        config.write(0x18, &[16, 0], 3);
        assert_eq!((config.queues()[0].descriptors, config.queues()[0].size), (0x1000, 256));
    }

    proptest! {
        #[test]
        fn no_access_panics_or_breaks_a_rule(
            steps in prop::collection::vec((0usize..0x48, prop::collection::vec(any::<u8>(), 1..9)), 0..80),
        ) {
            let mut config = device();
            for (offset, data) in steps {
                if config.write(offset, &data, 3) == Effect::Reset {
                    config.reset();
                }
                config.read(offset, &mut vec![0; data.len()]);
                prop_assert!(!config.is_active() || config.features() & !(F_VERSION_1 | 0b101) == 0);
                for queue in config.queues() {
                    prop_assert!(queue.size.is_power_of_two() && queue.size <= queue.max);
                    prop_assert!(queue.vector < 3 || queue.vector == NO_VECTOR);
                }
            }
        }
    }
}
