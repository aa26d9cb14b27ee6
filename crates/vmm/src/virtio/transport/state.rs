//! The saved state of a virtio device: what its transport shows, where its queues stand, and what the device itself
//! adds. A device that was in use is in use again when it is restored: its queues go on where they stood, and all of
//! them are looked at once, since a notification may have been on its way.

use super::{CommonConfig, VirtioPci};
use crate::snapshot::part::{Part, PartError, from_state, state};
use crate::virtio::interrupt::InterruptState;
use crate::virtio::queue::Progress;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransportState {
    /// Kind of device.
    kind: u16,
    /// PCI configuration space.
    config: Vec<u8>,
    common: CommonConfig,
    interrupt: InterruptState,
    /// One per queue, if the driver uses the device.
    queues: Vec<Option<Progress>>,
    /// The device's own.
    device: Value,
}

impl Part for VirtioPci {
    fn part(&self) -> String {
        self.device.name()
    }

    fn save(&self) -> Result<Value, PartError> {
        let inner = self.lock();
        let queues = if inner.common.is_active() {
            self.device.progress().ok_or_else(|| PartError::new("it can't be saved while it is in use"))?
        } else {
            Vec::new()
        };
        state(&TransportState {
            kind: self.device.kind() as u16,
            config: inner.config.bytes().to_vec(),
            common: inner.common.clone(),
            interrupt: self.interrupt.save(),
            queues,
            device: self.device.save()?,
        })
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        let saved: TransportState = from_state(state)?;
        if saved.kind != self.device.kind() as u16 {
            return Err(PartError::new("it is another kind of device"));
        }
        let mut inner = self.lock();
        inner.config.restore(&saved.config)?;
        inner.common.restore(saved.common, self.interrupt.vectors())?;
        self.interrupt.restore(saved.interrupt)?;
        self.device.restore(saved.device)?;
        self.follow_bar(&mut inner);
        if !inner.common.is_active() || self.interrupt.needs_reset() {
            return Ok(());
        }
        if saved.queues.len() != inner.common.queues().len() {
            return Err(PartError::new(format!("it has {} queues", inner.common.queues().len())));
        }
        self.activate(&inner.common, &saved.queues);
        if self.interrupt.needs_reset() {
            Err(PartError::new("its queues are not in memory"))
        } else {
            Ok(())
        }
    }

    fn restored(&self) {
        self.device.restored();
    }
}

#[cfg(test)]
mod tests {
    use super::super::common::status;
    use super::*;
    use crate::pci::{ConfigSpace, Identification, MsixTable};
    use crate::virtio::F_VERSION_1;

    fn common() -> CommonConfig {
        let mut common = CommonConfig::new(F_VERSION_1 | 1, &[256, 64]);
        for (offset, data) in [(0x08, &1u32.to_le_bytes()[..]), (0x0c, &1u32.to_le_bytes()), (0x14, &[11])] {
            common.write(offset, data, 3);
        }
        common.write(0x16, &[1, 0], 3);
        common.write(0x18, &[16, 0], 3);
        common.write(0x14, &[11 | status::DRIVER_OK], 3);
        common
    }

    #[test]
    fn registers_come_back_as_they_were() {
        let saved = common();
        let mut fresh = CommonConfig::new(F_VERSION_1 | 1 | 4, &[256, 64]);
        fresh.restore(saved.clone(), 3).unwrap();
        assert_eq!(fresh, saved);
    }

    #[test]
    fn what_a_guest_can_not_bring_about_is_refused() {
        let value = serde_json::to_value(common()).unwrap();
        let refused = |change: fn(&mut Value)| {
            let mut value = value.clone();
            change(&mut value);
            let saved: CommonConfig = serde_json::from_value(value).unwrap();
            CommonConfig::new(F_VERSION_1 | 1, &[256, 64]).restore(saved, 3).is_err()
        };
        assert!(!refused(|_| ()));
        assert!(refused(|v| v["offered"] = 7.into()));
        assert!(refused(|v| v["accepted"] = 8.into()));
        assert!(refused(|v| v["queues"][0]["size"] = 300.into()));
        assert!(refused(|v| v["queues"][0]["size"] = 3.into()));
        assert!(refused(|v| v["queues"][1]["vector"] = 3.into()));
        assert!(refused(|v| v["config_vector"] = 9.into()));
        assert!(refused(|v| v["queues"] = Value::Array(Vec::new())));
    }

    #[test]
    fn configuration_space_takes_only_what_is_the_guests() {
        let id = Identification { vendor: 1, device: 2, class: 0x02_0000, revision: 1, subsystem: (3, 4) };
        let mut config = ConfigSpace::new(id);
        config.set_bar(0x8000, 0x8000, true);
        let mut bytes = config.bytes().to_vec();
        bytes[0x3c] = 9;
        config.restore(&bytes).unwrap();
        assert_eq!(config.bytes()[0x3c], 9);
        bytes[0] ^= 1;
        assert!(config.restore(&bytes).is_err());
        assert!(config.restore(&bytes[..100]).is_err());
        assert!(MsixTable::new(2).restore(MsixTable::new(3)).is_err());
    }
}
