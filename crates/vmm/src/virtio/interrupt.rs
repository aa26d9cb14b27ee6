//! How a device tells its driver something: by the MSI-X vector the driver chose, and the ISR byte beside it.

use crate::pci::{MsiSink, MsixTable, NO_VECTOR};
use crate::snapshot::part::PartError;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

/// Queue interrupt, in the ISR byte.
const ISR_QUEUE: u8 = 1;
/// Configuration change, in the ISR byte.
const ISR_CONFIG: u8 = 2;

/// The interrupts of one device.
#[derive(Debug)]
pub struct Interrupt {
    msix: Mutex<MsixTable>,
    sink: Arc<dyn MsiSink>,
    isr: AtomicU8,
    config_vector: AtomicU16,
    queue_vectors: Vec<AtomicU16>,
    needs_reset: AtomicBool,
    generation: AtomicU8,
}

/// As it is saved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterruptState {
    msix: MsixTable,
    isr: u8,
    config_vector: u16,
    queue_vectors: Vec<u16>,
    needs_reset: bool,
}

impl Interrupt {
    /// Its state, while nobody raises it.
    pub(super) fn save(&self) -> InterruptState {
        InterruptState {
            msix: self.msix.lock().expect("no thread panicked").clone(),
            isr: self.isr.load(Ordering::SeqCst),
            config_vector: self.config_vector.load(Ordering::SeqCst),
            queue_vectors: self.queue_vectors.iter().map(|vector| vector.load(Ordering::SeqCst)).collect(),
            needs_reset: self.needs_reset(),
        }
    }

    /// Takes on a state that was saved. A vector that is not there raises nothing, as ever.
    pub(super) fn restore(&self, saved: InterruptState) -> Result<(), PartError> {
        if saved.queue_vectors.len() != self.queue_vectors.len() {
            return Err(PartError::new(format!("it has {} queues", self.queue_vectors.len())));
        }
        self.msix.lock().expect("no thread panicked").restore(saved.msix)?;
        self.isr.store(saved.isr, Ordering::SeqCst);
        self.set_config_vector(saved.config_vector);
        for (slot, vector) in self.queue_vectors.iter().zip(saved.queue_vectors) {
            slot.store(vector, Ordering::SeqCst);
        }
        self.needs_reset.store(saved.needs_reset, Ordering::SeqCst);
        Ok(())
    }

    /// For a device with `queues` queues: a vector for each and one for configuration changes.
    pub fn new(queues: usize, sink: Arc<dyn MsiSink>) -> Self {
        Self {
            msix: Mutex::new(MsixTable::new(queues + 1)),
            sink,
            isr: AtomicU8::new(0),
            config_vector: AtomicU16::new(NO_VECTOR),
            queue_vectors: (0..queues).map(|_| AtomicU16::new(NO_VECTOR)).collect(),
            needs_reset: AtomicBool::new(false),
            generation: AtomicU8::new(0),
        }
    }

    /// Number of vectors.
    pub fn vectors(&self) -> usize {
        self.queue_vectors.len() + 1
    }

    /// Tells the driver that buffers of queue `queue` were used.
    pub fn queue(&self, queue: usize) {
        self.isr.fetch_or(ISR_QUEUE, Ordering::SeqCst);
        self.raise(self.queue_vectors[queue].load(Ordering::Acquire));
    }

    /// Tells the driver that the device's configuration has changed.
    pub fn config_changed(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.isr.fetch_or(ISR_CONFIG, Ordering::SeqCst);
        self.raise(self.config_vector.load(Ordering::Acquire));
    }

    /// Another number after each change of the configuration (virtio 1.2, 4.1.4.3).
    pub(super) fn generation(&self) -> u8 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Tells the driver that the device is broken until it is reset (virtio 1.2, 2.1.2). Said when a queue makes no
    /// sense.
    pub fn broken(&self) {
        self.needs_reset.store(true, Ordering::SeqCst);
        self.isr.fetch_or(ISR_CONFIG, Ordering::SeqCst);
        self.raise(self.config_vector.load(Ordering::Acquire));
    }

    pub(super) fn needs_reset(&self) -> bool {
        self.needs_reset.load(Ordering::SeqCst)
    }

    pub(super) fn clear(&self) {
        self.needs_reset.store(false, Ordering::SeqCst);
        self.isr.store(0, Ordering::SeqCst);
        self.config_vector.store(NO_VECTOR, Ordering::SeqCst);
        self.queue_vectors.iter().for_each(|vector| vector.store(NO_VECTOR, Ordering::SeqCst));
    }

    pub(super) fn take_isr(&self) -> u8 {
        self.isr.swap(0, Ordering::SeqCst)
    }

    pub(super) fn set_config_vector(&self, vector: u16) {
        self.config_vector.store(vector, Ordering::Release);
    }

    pub(super) fn set_queue_vector(&self, queue: usize, vector: u16) {
        if let Some(slot) = self.queue_vectors.get(queue) {
            slot.store(vector, Ordering::Release);
        }
    }

    /// Changes the table by `change` and sends what is due by it.
    pub(super) fn with_table<M: IntoIterator<Item = crate::pci::MsiMessage>>(
        &self,
        change: impl FnOnce(&mut MsixTable) -> M,
    ) {
        let messages = change(&mut self.msix.lock().expect("no thread panicked"));
        messages.into_iter().for_each(|message| self.sink.send(message));
    }

    fn raise(&self, vector: u16) {
        self.with_table(|table| table.raise(vector));
    }
}
