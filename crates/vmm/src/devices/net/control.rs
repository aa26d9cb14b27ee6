//! The control queue (virtio 1.2, 5.1.6.5): by it a driver says how many pairs of queues it uses. `one pair -> several`,
//! and back at a reset. There is one only where there are several pairs.

use super::{Net, features};
use crate::memory::Memory;
use crate::virtio::buffers::{read, total, write};
use crate::virtio::queue::{ActiveQueue, Progress};
use crate::virtio::{Buffers, Interrupt};
use std::sync::Arc;
use virtio_queue::{DescriptorChain, Queue};

/// Class and command: how many pairs the driver uses.
const MQ_PAIRS_SET: [u8; 2] = [4, 0];
const OK: u8 = 0;
const ERR: u8 = 1;
/// Commands served in one turn of the event loop.
const TURN: usize = 16;

/// Control of an interface.
#[derive(Debug)]
pub struct Control {
    active: Option<Active>,
    /// Pairs in use.
    pub pairs: usize,
    /// Pairs that were in use when the machine was saved, for the activation that follows.
    pub restored: usize,
}

#[derive(Debug)]
struct Active {
    queue: ActiveQueue,
    memory: Memory,
    interrupt: Arc<Interrupt>,
    several: bool,
}

impl Default for Control {
    fn default() -> Self {
        Self { active: None, pairs: 1, restored: 1 }
    }
}

impl Control {
    /// Takes over the queue; `several` if the driver knows of more than one pair.
    pub fn activate(
        &mut self,
        queue: Option<Queue>,
        index: usize,
        several: bool,
        memory: &Memory,
        interrupt: &Arc<Interrupt>,
    ) {
        self.active = queue.map(|queue| Active {
            queue: ActiveQueue::new(queue, index),
            memory: memory.clone(),
            interrupt: interrupt.clone(),
            several,
        });
    }

    /// The number of its queue and how far that has been worked off.
    pub fn progress(&self) -> Option<(usize, Option<Progress>)> {
        self.active.as_ref().map(|active| (active.queue.index, active.queue.progress()))
    }
}

/// Where the control queue is: behind all pairs that the driver knows of.
pub fn place(features: u64, pairs: usize) -> Option<usize> {
    let known = if features & features::MQ != 0 { pairs } else { 1 };
    (features & features::CTRL_VQ != 0).then_some(2 * known)
}

impl Net {
    /// Whether this queue is the control queue.
    pub(super) fn is_control(&self, queue: usize) -> bool {
        self.control().progress().is_some_and(|(index, _)| index == queue)
    }

    /// Does what the driver asks on queue number `queue`.
    pub(super) fn serve_control(&self, queue: usize) {
        let _ = self.kicks[queue].read();
        let mut control = self.control();
        let Some(Active { queue: commands, memory, interrupt, several }) = &mut control.active else {
            return;
        };
        let (mut wanted, most) = (None, if *several { self.pairs.len() } else { 0 });
        let more = commands.walk(memory, interrupt, TURN, |chain| {
            answer(memory, chain, |pairs| {
                let right = (1..=most).contains(&pairs) && self.use_pairs(pairs).is_ok();
                wanted = if right { Some(pairs) } else { wanted };
                right
            })
        });
        control.pairs = wanted.unwrap_or(control.pairs);
        if more {
            // The others come first. A full counter means that it is due anyway.
            let _ = self.kicks[queue].write(1);
        }
    }
}

/// Answers a command with one byte; gives the bytes written.
fn answer(memory: &Memory, chain: DescriptorChain<&Memory>, set_pairs: impl FnOnce(usize) -> bool) -> u32 {
    let Ok(buffers) = Buffers::collect(memory, chain, 4096) else { return 0 };
    if total(&buffers.writable) == 0 {
        return 0;
    }
    let mut command = [0; 4];
    let length = read(&buffers.readable, &mut command);
    let [class, number, low, high] = command;
    let known = length == command.len() && [class, number] == MQ_PAIRS_SET;
    let done = known && set_pairs(usize::from(u16::from_le_bytes([low, high])));
    write(&buffers.writable, &[if done { OK } else { ERR }]) as u32
}
