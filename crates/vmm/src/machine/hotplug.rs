//! Devices that come and go while the machine runs. One that leaves politely is asked for through ACPI and stays until
//! the guest has given its slot up; one that leaves by force is gone at once, and a husk keeps its slot until then. A
//! disk is gone when its thread has closed its files.

use super::Machine;
use crate::config::{MAX_DISKS, MAX_NETS};
use crate::devices::block::{self, Block, BlockConfig, ImageError};
use crate::devices::net::{Net, NetConfig, Tap, TapError};
use crate::devices::power;
use crate::pci::Husk;
use crate::source::Given;
use crate::virtio::{VirtioDevice, VirtioPci};
use cumulet_vmm_protocol::Limits;
use std::io;
use std::sync::Arc;

/// Why a device can't come or go.
#[derive(Debug, thiserror::Error)]
pub enum HotplugError {
    /// Ids are unique.
    #[error("the machine has a device {0} already")]
    Exists(String),
    /// No such device, or one that is not of this kind.
    #[error("the machine has no disk or interface {0}")]
    Unknown(String),
    /// The specification's bound.
    #[error("the machine has {most} {what} already, the most there can be")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there can be.
        most: usize,
    },
    /// The bus is full.
    #[error("no slot of the bus is free")]
    NoSlot,
    /// The disk's files.
    #[error("disk")]
    Disk(#[from] ImageError),
    /// The tap.
    #[error("interface")]
    Tap(#[from] TapError),
    /// Descriptors, threads.
    #[error("a descriptor or a thread can't be made")]
    Host(#[source] io::Error),
    /// The guest can't be told.
    #[error("the guest can't be told")]
    Tell(#[source] io::Error),
    /// It is gone, and what it held back is lost.
    #[error("the disk is detached, but could not write what it held back")]
    Close(#[source] io::Error),
}

impl Machine {
    /// Adds a disk and tells the guest.
    pub fn attach_disk(&mut self, config: BlockConfig, given: &mut Given) -> Result<(), HotplugError> {
        self.check_new(&config.id, "disks", self.disks.len() + self.departing.len(), MAX_DISKS)?;
        let image = block::open(&config.layers, config.read_only, given)?;
        let disk = Arc::new(Block::new(config, image).map_err(HotplugError::Host)?);
        let slot = self.plug(disk.clone())?;
        let (gate, state) = (self.disk_gate.clone(), self.state.clone());
        if let Err(error) = block::spawn(self.disks.len(), disk.clone(), gate, state) {
            self.take_off(slot, false);
            return Err(HotplugError::Host(error));
        }
        self.disks.push(disk);
        self.tell_added(slot)
    }

    /// Adds an interface and tells the guest.
    pub fn attach_net(&mut self, config: NetConfig, given: &mut Given) -> Result<(), HotplugError> {
        self.check_new(&config.id, "interfaces", self.nets.len(), MAX_NETS)?;
        let tap = Tap::open(&config.tap, given)?;
        let net = Arc::new(Net::new(config, tap).map_err(HotplugError::Host)?);
        let slot = self.plug(net.clone())?;
        self.nets.push(net.clone());
        if let Err(error) = self.event_loop.add(net) {
            self.take_off(slot, false);
            return Err(HotplugError::Host(error));
        }
        self.tell_added(slot)
    }

    /// Begins to take a disk or an interface away: asks the guest for it, or, by `force`, only tells the guest that it
    /// is gone.
    pub fn detach(&mut self, id: &str, force: bool) -> Result<(), HotplugError> {
        let Some(name) = self.name_of(id) else {
            return if self.is_departing(id) { Ok(()) } else { Err(HotplugError::Unknown(id.to_owned())) };
        };
        let slot = self.root.slot_of(&name).expect("each device has a slot");
        if force {
            self.take_off(slot, true);
        }
        self.slots.ask(slot);
        self.power.raise(power::EVENT_SLOTS).map_err(HotplugError::Tell)
    }

    /// Whether a device that was to be taken away is gone.
    pub fn is_gone(&mut self, id: &str) -> Result<bool, HotplugError> {
        match self.closed_badly.remove(id) {
            Some(error) => Err(HotplugError::Close(error)),
            None => Ok(self.name_of(id).is_none() && !self.is_departing(id)),
        }
    }

    /// Changes the limits of a disk or an interface.
    pub fn set_limits(&self, id: &str, limits: &Limits) -> Result<(), HotplugError> {
        if let Some(disk) = self.disks.iter().find(|disk| disk.id() == id) {
            disk.set_limits(limits);
        } else if let Some(net) = self.nets.iter().find(|net| net.id() == id) {
            net.set_limits(limits);
        } else {
            return Err(HotplugError::Unknown(id.to_owned()));
        }
        Ok(())
    }

    /// Takes off the bus what the guest gave up, and forgets disks that have closed their files.
    pub fn keep_up(&mut self) {
        for slot in self.slots.clone().take_ejected() {
            self.take_off(slot, false);
        }
        let (closed, left) =
            std::mem::take(&mut self.departing).into_iter().partition(|disk| disk.is_closed());
        self.departing = left;
        for disk in <Vec<Arc<Block>>>::into_iter(closed) {
            if let Err(error) = disk.finish() {
                self.closed_badly.insert(disk.metrics().id, error);
            }
        }
    }

    /// Disks whose files are open, those that are on their way out included.
    pub fn open_disks(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.disks.iter().chain(self.departing.iter().filter(|disk| !disk.is_closed()))
    }

    fn check_new(&self, id: &str, what: &'static str, count: usize, most: usize) -> Result<(), HotplugError> {
        if self.name_of(id).is_some() || self.is_departing(id) {
            return Err(HotplugError::Exists(id.to_owned()));
        }
        if count >= most {
            return Err(HotplugError::TooMany { what, most });
        }
        self.root.free_slot().map(drop).ok_or(HotplugError::NoSlot)
    }

    fn plug(&mut self, device: Arc<dyn VirtioDevice>) -> Result<usize, HotplugError> {
        let transport = Arc::new(VirtioPci::new(device, self.transport.clone(), None));
        let slot = self.root.plug(transport.clone()).ok_or(HotplugError::NoSlot)?;
        self.parts.push(transport);
        Ok(slot)
    }

    fn tell_added(&self, slot: usize) -> Result<(), HotplugError> {
        self.slots.added(slot);
        self.power.raise(power::EVENT_SLOTS).map_err(HotplugError::Tell)
    }

    /// Takes what is in `slot` off the bus and out of the machine. By force a husk stays.
    fn take_off(&mut self, slot: usize, force: bool) {
        let Some(name) = self.root.name_at(slot) else { return };
        self.root.unplug(
            slot,
            |device| {
                if force { Some(Arc::new(Husk { bar: device.bar() })) } else { None }
            },
        );
        self.parts.retain(|part| part.part() != name);
        if let Some(index) = self.disks.iter().position(|disk| disk.name() == name) {
            let disk = self.disks.remove(index);
            disk.retire();
            self.departing.push(disk);
        }
        if let Some(index) = self.nets.iter().position(|net| net.name() == name) {
            self.event_loop.remove(&*self.nets.remove(index));
        }
    }

    /// The name of the device with this id.
    fn name_of(&self, id: &str) -> Option<String> {
        let disk = self.disks.iter().find(|disk| disk.id() == id).map(|disk| disk.name());
        disk.or_else(|| self.nets.iter().find(|net| net.id() == id).map(|net| net.name()))
    }

    fn is_departing(&self, id: &str) -> bool {
        self.departing.iter().any(|disk| disk.id() == id)
    }
}
