//! The loop of the devices that need no thread of their own: an epoll of their descriptors, which is itself a
//! descriptor of the process's main loop. Taking it out there makes all of them quiet.

use std::fmt::Debug;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};

/// What a source waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// As long as there is something to read.
    Readable,
    /// When something new is there to read.
    ReadableEdge,
}

/// A device that is served by the loop.
pub trait EventSource: Send + Sync + Debug {
    /// What it waits for.
    fn descriptors(&self) -> Vec<(RawFd, Interest)>;
    /// Descriptor number `which` of [`EventSource::descriptors`] is ready.
    fn ready(&self, which: usize);
}

/// The loop.
#[derive(Debug)]
pub struct EventLoop {
    epoll: Epoll,
    sources: Vec<Option<(Arc<dyn EventSource>, usize)>>,
}

impl EventLoop {
    /// An empty loop.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: Epoll::new()?, sources: Vec::new() })
    }

    /// Adds a source.
    pub fn add(&mut self, source: Arc<dyn EventSource>) -> io::Result<()> {
        for (which, (descriptor, interest)) in source.descriptors().into_iter().enumerate() {
            let events = match interest {
                Interest::Readable => EventSet::IN,
                Interest::ReadableEdge => EventSet::IN | EventSet::EDGE_TRIGGERED,
            };
            let index = self.free_index();
            self.epoll.ctl(ControlOperation::Add, descriptor, EpollEvent::new(events, index as u64))?;
            self.sources[index] = Some((source.clone(), which));
        }
        Ok(())
    }

    /// Takes a source out; when this returns it is not served any more.
    pub fn remove(&mut self, source: &dyn EventSource) {
        let same = |slot: &Option<(Arc<dyn EventSource>, usize)>| {
            slot.as_ref().is_some_and(|(other, _)| std::ptr::addr_eq(Arc::as_ptr(other), source))
        };
        self.sources.iter_mut().filter(|slot| same(slot)).for_each(|slot| *slot = None);
        for (descriptor, _) in source.descriptors() {
            // One that is not there was never added.
            let _ = self.epoll.ctl(ControlOperation::Delete, descriptor, EpollEvent::default());
        }
    }

    fn free_index(&mut self) -> usize {
        self.sources.iter().position(Option::is_none).unwrap_or_else(|| {
            self.sources.push(None);
            self.sources.len() - 1
        })
    }

    /// Serves what is ready, without waiting.
    pub fn serve(&self) -> io::Result<()> {
        let mut events = [EpollEvent::default(); 32];
        let count = self.epoll.wait(0, &mut events)?;
        for event in &events[..count] {
            if let Some(Some((source, which))) = self.sources.get(event.data() as usize) {
                source.ready(*which);
            }
        }
        Ok(())
    }
}

impl AsRawFd for EventLoop {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}
