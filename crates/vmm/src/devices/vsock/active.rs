//! The device in use: moves packets between the guest's queues and the connections.

use super::muxer::Muxer;
use super::packet::{HEADER, Header, MAX_DATA, op};
use crate::memory::Memory;
use crate::virtio::buffers::{read, split_front, total, write};
use crate::virtio::queue::{ActiveQueue, Progress};
use crate::virtio::{Activation, Buffers, Interrupt};
use std::sync::Arc;
use virtio_queue::{DescriptorChain, QueueOwnedT, QueueT};

/// Packets moved in one turn of the event loop, each way.
const TURN: usize = 64;
/// Most bytes a chain may have room for.
const MAX_CHAIN: usize = 1 << 20;
/// `VIRTIO_VSOCK_EVENT_TRANSPORT_RESET`: all connections are gone (virtio 1.2, 5.10.6.7).
const TRANSPORT_RESET: u32 = 0;

/// Queues in use.
#[derive(Debug)]
pub struct Active {
    rx: Option<ActiveQueue>,
    tx: Option<ActiveQueue>,
    event: Option<ActiveQueue>,
    memory: Memory,
    interrupt: Arc<Interrupt>,
    data: Vec<u8>,
}

impl Active {
    /// Takes over the queues.
    pub fn new(activation: Activation) -> Self {
        let Activation { memory, queues, interrupt, .. } = activation;
        let mut queues =
            queues.into_iter().enumerate().map(|(index, queue)| Some(ActiveQueue::new(queue?, index)));
        let mut next = || queues.next().flatten();
        let (rx, tx, event) = (next(), next(), next());
        Self { rx, tx, event, memory, interrupt, data: vec![0; MAX_DATA] }
    }

    /// How far the queues have been worked off. Connections are not saved: they end with a restore.
    pub fn progress(&self) -> Vec<Option<Progress>> {
        let queues = [&self.rx, &self.tx, &self.event];
        queues.iter().map(|queue| queue.as_ref().and_then(ActiveQueue::progress)).collect()
    }

    /// Moves what there is to move; true when the turn is over before that.
    pub fn turn(&mut self, muxer: &mut Muxer) -> bool {
        let blocked = !muxer.has_room(TURN);
        let more = self.transmit(muxer);
        let more = self.deliver(muxer) | more;
        // The guest's packets wait until refusals have been told.
        more || (blocked && muxer.has_room(TURN))
    }

    /// Takes packets of the guest; true when there may be more and there is room for them.
    fn transmit(&mut self, muxer: &mut Muxer) -> bool {
        let Some(queue) = &mut self.tx else { return false };
        if !muxer.has_room(TURN) {
            return false;
        }
        let data = &mut self.data;
        queue.walk(&self.memory, &self.interrupt, TURN, |chain| {
            take(&self.memory, chain, muxer, data);
            0
        })
    }

    /// Gives packets to the guest; true when the turn is over before there are no more.
    fn deliver(&mut self, muxer: &mut Muxer) -> bool {
        match self.try_deliver(muxer) {
            Ok(more) => more,
            Err(_) => {
                // Rings that make no sense: reported once, then the queue is left alone.
                self.rx = None;
                self.interrupt.broken();
                false
            }
        }
    }

    fn try_deliver(&mut self, muxer: &mut Muxer) -> Result<bool, virtio_queue::Error> {
        let Some(queue) = &mut self.rx else { return Ok(false) };
        for _ in 0..TURN {
            let Some(chain) = queue.next(&self.memory)? else {
                if queue.queue.enable_notification(&self.memory)? {
                    continue;
                }
                return Ok(false);
            };
            let head = chain.head_index();
            let mut room = Buffers::collect(&self.memory, chain, MAX_CHAIN).unwrap_or_default().writable;
            let Some(place) = split_front(&mut room, HEADER) else {
                // Of no use: it goes back as it is.
                queue.put(&self.memory, &self.interrupt, head, 0)?;
                continue;
            };
            let space = total(&room).min(MAX_DATA);
            match muxer.next(&mut self.data[..space]) {
                Some(header) => {
                    write(&place, &header.to_bytes());
                    let length = write(&room, &self.data[..header.length as usize]);
                    queue.put(&self.memory, &self.interrupt, head, (HEADER + length) as u32)?;
                }
                None => {
                    queue.queue.go_to_previous_position();
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Tells the driver that all connections are gone, if it has left room for that.
    pub fn tell_reset(&mut self) {
        let Some(queue) = &mut self.event else { return };
        let mut told = false;
        queue.walk(&self.memory, &self.interrupt, 1, |chain| {
            let room = Buffers::collect(&self.memory, chain, MAX_CHAIN).unwrap_or_default().writable;
            told = true;
            write(&room, &TRANSPORT_RESET.to_le_bytes()) as u32
        });
    }
}

/// One packet of the guest. One that lacks a header or says more data than it has is dropped or refused.
fn take(memory: &Memory, chain: DescriptorChain<&Memory>, muxer: &mut Muxer, data: &mut [u8]) {
    let Ok(Buffers { mut readable, .. }) = Buffers::collect(memory, chain, HEADER + MAX_CHAIN) else {
        return;
    };
    let Some(place) = split_front(&mut readable, HEADER) else { return };
    let mut bytes = [0; HEADER];
    read(&place, &mut bytes);
    let mut header = Header::from_bytes(&bytes);
    let length = header.length as usize;
    if length > data.len() || length > total(&readable) {
        // Nonsense for any connection, which then ends.
        header.op = 0;
        return muxer.take(&header, &[]);
    }
    let data = if header.op == op::RW { &mut data[..length] } else { &mut [] };
    read(&readable, data);
    muxer.take(&header, data);
}
