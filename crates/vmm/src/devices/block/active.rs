//! The queues of a disk in use: takes requests from them and puts back those that are done. The driver is told once for
//! all that a turn has put back.

use super::metrics::BlockMetrics;
use super::request::Disk;
use super::ticket::Ticket;
use crate::limits::{Limiter, Together};
use crate::memory::Memory;
use crate::virtio::queue::{ActiveQueue, Progress};
use crate::virtio::{Activation, Interrupt};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Requests taken from a queue before the disk's thread looks whether the machine is to be paused.
const TURN: usize = 32;

/// The queues in use.
#[derive(Debug)]
pub struct Active {
    queues: Vec<Option<ActiveQueue>>,
    memory: Memory,
    interrupt: Arc<Interrupt>,
}

/// What a turn has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing that could be done before a notification.
    Done,
    /// Requests that can be taken at once.
    More,
    /// Requests that have to wait so long.
    Limited(Duration),
}

impl Active {
    /// Takes over the driver's queues.
    pub fn new(activation: Activation) -> Self {
        let Activation { memory, queues, interrupt, .. } = activation;
        let queues = queues.into_iter().enumerate();
        let queues = queues.map(|(index, queue)| queue.map(|queue| ActiveQueue::new(queue, index))).collect();
        Self { queues, memory, interrupt }
    }

    /// Tells the driver that the configuration is another.
    pub fn config_changed(&self) {
        self.interrupt.config_changed();
    }

    /// How far each queue has been worked off.
    pub fn progress(&self) -> Vec<Option<Progress>> {
        self.queues.iter().map(|queue| queue.as_ref().and_then(ActiveQueue::progress)).collect()
    }

    /// Takes requests from each queue, begins them, and answers those that are done.
    pub fn serve(&mut self, mut disk: Disk<'_>, limiter: &mut Limiter, together: Option<&Together>) -> Turn {
        self.answer_landed(&mut disk);
        let mut turn = Turn::Done;
        for index in 0..self.queues.len() {
            match self.take(index, &mut disk, limiter, together) {
                Turn::Done => {}
                left => turn = left,
            }
        }
        if let Some(open) = &mut disk.open
            && !open.submit()
        {
            turn = Turn::More;
        }
        self.answer_landed(&mut disk);
        turn
    }

    fn take(
        &mut self,
        index: usize,
        disk: &mut Disk<'_>,
        limiter: &mut Limiter,
        together: Option<&Together>,
    ) -> Turn {
        let Self { queues, memory, interrupt } = self;
        let Some(queue) = &mut queues[index] else { return Turn::Done };
        queue.hush(memory, interrupt);
        for _ in 0..TURN {
            if let Some(wait) = limiter.wait().max(together.and_then(Together::wait)) {
                return Turn::Limited(wait);
            }
            // What lands wakes the thread.
            if disk.open.as_ref().is_some_and(|open| !open.has_room()) {
                return Turn::Done;
            }
            let Some(chain) = queue.take(memory, interrupt) else { return Turn::Done };
            let head = chain.head_index();
            let written = disk.serve(memory, index, chain);
            let moved = std::mem::take(&mut disk.moved);
            limiter.pay(moved);
            together.iter().for_each(|together| together.pay(moved));
            if let Some(written) = written {
                queue.give_back(memory, interrupt, head, written);
            }
        }
        Turn::More
    }

    fn answer_landed(&mut self, disk: &mut Disk<'_>) {
        let landed = disk.open.as_mut().map(|open| open.landed()).unwrap_or_default();
        self.answer(landed, disk.metrics);
    }

    /// Answers requests that were under way, and tells the driver of all that was put back.
    pub fn answer(&mut self, landed: Vec<(Ticket, io::Result<()>)>, metrics: &BlockMetrics) {
        let Self { queues, memory, interrupt } = self;
        for (ticket, result) in landed {
            let written = ticket.finish(&result, metrics);
            if let Some(queue) = queues.get_mut(ticket.queue).and_then(Option::as_mut) {
                queue.give_back(memory, interrupt, ticket.head, written);
            }
        }
        queues.iter_mut().flatten().for_each(|queue| queue.tell(memory, interrupt));
    }
}
