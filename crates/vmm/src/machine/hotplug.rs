//! Devices that come and go while the machine runs. The guest is asked through ACPI for the slot of one that leaves, and
//! politely it stays until the slot is given up. By force it is severed from its file or tap at once, and what is left
//! keeps the slot, and fails what it is asked for, until then. A disk is gone when its thread has closed its files.

use super::Machine;
use crate::config::{MAX_DISKS, MAX_NETS};
use crate::devices::block::{self, Block, BlockConfig, ImageError, ResizeError};
use crate::devices::net::{self, Net, NetConfig, Tap, TapError};
use crate::devices::power;
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
    /// The disk stays as it is.
    #[error("size")]
    Resize(#[from] ResizeError),
    /// The guest can't be told.
    #[error("the guest can't be told")]
    Tell(#[source] io::Error),
    /// It is gone, and what it held back is lost.
    #[error("the disk is detached, but could not write what it held back")]
    Close(#[source] io::Error),
}

/// A device on its way out.
#[derive(Debug)]
pub(super) struct Leaving {
    device: Device,
    /// Where it is on the bus, if it still is.
    slot: Option<usize>,
    /// Whether a disk that could not be closed well has been told of.
    told: bool,
}

#[derive(Debug)]
enum Device {
    Disk(Arc<Block>),
    Net(Arc<Net>),
}

impl Leaving {
    fn new(device: Device, slot: Option<usize>) -> Self {
        Self { device, slot, told: false }
    }

    fn disk(&self) -> Option<&Arc<Block>> {
        match &self.device {
            Device::Disk(disk) => Some(disk),
            Device::Net(_) => None,
        }
    }

    /// Whether nothing of it is left but memory.
    fn is_over(&self) -> bool {
        self.slot.is_none() && self.disk().is_none_or(|disk| disk.has_ended())
    }
}

impl Machine {
    /// Adds a disk and tells the guest.
    pub fn attach_disk(&mut self, config: BlockConfig, given: &mut Given) -> Result<(), HotplugError> {
        self.check_new(&config.id, "disks", self.disks.len(), MAX_DISKS)?;
        let image = block::open(&config.layers, config.read_only, given)?;
        let disk = Block::new(config, image, self.vcpus.count()).map_err(HotplugError::Host)?;
        let disk = Arc::new(disk.within(&self.disk_limits));
        let slot = self.plug(disk.clone())?;
        let (gate, state) = (self.disk_gate.clone(), self.state.clone());
        if let Err(error) = block::spawn(self.disks.len(), disk.clone(), gate, state) {
            self.take_off(slot);
            return Err(HotplugError::Host(error));
        }
        self.disks.push(disk);
        self.tell_added(slot)
    }

    /// Adds an interface and tells the guest.
    pub fn attach_net(&mut self, config: NetConfig, given: &mut Given) -> Result<(), HotplugError> {
        self.check_new(&config.id, "interfaces", self.nets.len(), MAX_NETS)?;
        let taps = Tap::open_all(&config, given)?;
        let net = Arc::new(Net::new(config, taps).map_err(HotplugError::Host)?);
        let slot = self.plug(net.clone())?;
        self.nets.push(net.clone());
        let started = net::spawn(self.nets.len() - 1, &net, &self.disk_gate);
        if let Err(error) = started.and_then(|()| self.event_loop.add(net)) {
            self.take_off(slot);
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
            self.sever(id, slot)?;
        }
        self.slots.ask(slot);
        self.power.raise(power::EVENT_SLOTS).map_err(HotplugError::Tell)
    }

    /// Whether a device that was to be taken away is gone.
    pub fn is_gone(&mut self, id: &str) -> Result<bool, HotplugError> {
        if self.name_of(id).is_some() || self.is_departing(id) {
            return Ok(false);
        }
        let mut leaving = self.leaving.iter_mut().filter(|leaving| !leaving.told);
        let failed = leaving.find_map(|leaving| {
            let error = leaving.disk().filter(|disk| disk.id() == id)?.close_error()?;
            Some((leaving, error))
        });
        match failed {
            Some((leaving, error)) => {
                leaving.told = true;
                Err(HotplugError::Close(error))
            }
            None => Ok(true),
        }
    }

    /// Lets a disk grow.
    pub fn resize_disk(&self, id: &str, bytes: u64) -> Result<(), HotplugError> {
        let disk = self.disks.iter().find(|disk| disk.id() == id);
        Ok(disk.ok_or_else(|| HotplugError::Unknown(id.to_owned()))?.resize(bytes)?)
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

    /// Takes off the bus what the guest gave up.
    pub fn keep_up(&mut self) {
        for slot in self.slots.clone().take_ejected() {
            self.take_off(slot);
        }
    }

    /// Forgets devices of which nothing is left. Whoever waited for one has been told before.
    pub fn forget(&mut self) {
        let (over, left) = std::mem::take(&mut self.leaving).into_iter().partition(Leaving::is_over);
        self.leaving = left;
        <Vec<Leaving>>::into_iter(over)
            .filter_map(|leaving| leaving.disk().cloned())
            .for_each(|disk| disk.finish());
    }

    /// All interfaces that may have threads.
    pub fn all_nets(&self) -> impl Iterator<Item = &Arc<Net>> {
        let leaving = self.leaving.iter().filter_map(|leaving| match &leaving.device {
            Device::Net(net) => Some(net),
            Device::Disk(_) => None,
        });
        self.nets.iter().chain(leaving)
    }

    /// All disks that have a thread.
    pub fn all_disks(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.disks.iter().chain(self.leaving.iter().filter_map(Leaving::disk))
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

    /// Takes a device's file or tap away; it stays on the bus.
    fn sever(&mut self, id: &str, slot: usize) -> Result<(), HotplugError> {
        if let Some(index) = self.disks.iter().position(|disk| disk.id() == id) {
            let disk = self.disks.remove(index);
            disk.sever();
            self.leaving.push(Leaving::new(Device::Disk(disk), Some(slot)));
        } else if let Some(index) = self.nets.iter().position(|net| net.id() == id) {
            let net = self.nets.remove(index);
            self.event_loop.remove(&*net);
            net.sever();
            // Without its tap: the guest's frames are taken and lost.
            self.event_loop.add(net.clone()).map_err(HotplugError::Host)?;
            self.leaving.push(Leaving::new(Device::Net(net), Some(slot)));
        }
        Ok(())
    }

    /// Takes what is in `slot` off the bus, and out of the machine unless it was severed before.
    fn take_off(&mut self, slot: usize) {
        let name = self.root.name_at(slot);
        let Some(device) = self.root.unplug(slot) else { return };
        self.parts.retain(|part| !std::ptr::addr_eq(Arc::as_ptr(part), Arc::as_ptr(&device)));
        if let Some(leaving) = self.leaving.iter_mut().find(|leaving| leaving.slot == Some(slot)) {
            leaving.slot = None;
            match &leaving.device {
                Device::Disk(disk) => disk.retire(),
                Device::Net(net) => {
                    self.event_loop.remove(&**net);
                    net.retire();
                }
            }
        } else if let Some(index) = self.disks.iter().position(|disk| Some(disk.name()) == name) {
            let disk = self.disks.remove(index);
            disk.retire();
            self.leaving.push(Leaving::new(Device::Disk(disk), None));
        } else if let Some(index) = self.nets.iter().position(|net| Some(net.name()) == name) {
            let net = self.nets.remove(index);
            self.event_loop.remove(&*net);
            net.retire();
        }
    }

    /// The name of the device with this id.
    fn name_of(&self, id: &str) -> Option<String> {
        let disk = self.disks.iter().find(|disk| disk.id() == id).map(|disk| disk.name());
        disk.or_else(|| self.nets.iter().find(|net| net.id() == id).map(|net| net.name()))
    }

    /// Whether it is out of the machine, but its files are still open.
    fn is_departing(&self, id: &str) -> bool {
        self.leaving.iter().filter_map(Leaving::disk).any(|disk| disk.id() == id && !disk.is_closed())
    }
}
