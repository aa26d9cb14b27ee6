//! The loop of the devices that need no thread of their own: an epoll of their descriptors, which is itself a
//! descriptor of the process's main loop. Taking it out there makes all of them quiet.

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::fmt::Debug;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;
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
        self.serve_within(0)
    }

    /// Waits until something is ready, and serves it. An interruption is as good.
    pub fn wait(&self) -> io::Result<()> {
        match self.serve_within(-1) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            served => served,
        }
    }

    fn serve_within(&self, milliseconds: i32) -> io::Result<()> {
        let mut events = [EpollEvent::default(); 32];
        let count = self.epoll.wait(milliseconds, &mut events)?;
        for event in &events[..count] {
            if let Some(Some((source, which))) = self.sources.get(event.data() as usize) {
                source.ready(*which);
            }
        }
        Ok(())
    }
}

/// Rings once, for a source that has to wait.
#[derive(Debug)]
pub struct Timer(OwnedFd);

impl Timer {
    /// A timer that is not set.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// Rings after `wait`, unless it rings before.
    pub fn set(&self, wait: Duration) {
        // 0 would stop it.
        let wait = wait.max(Duration::from_nanos(1));
        let Ok(value) = Timespec::try_from(wait) else { return };
        let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
        // It can fail only for what is no time.
        let Ok(before) = timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once) else { return };
        let was_set = before.it_value != Timespec::default();
        if was_set && Duration::try_from(before.it_value).is_ok_and(|before| before < wait) {
            let _ = timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &before);
        }
    }

    /// Takes note that it rang.
    pub fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsRawFd for EventLoop {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug)]
    struct Bell(Timer, AtomicUsize);

    impl EventSource for Bell {
        fn descriptors(&self) -> Vec<(RawFd, Interest)> {
            vec![(self.0.as_raw_fd(), Interest::Readable)]
        }

        fn ready(&self, _which: usize) {
            self.0.clear();
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn bell() -> Arc<Bell> {
        Arc::new(Bell(Timer::new().unwrap(), AtomicUsize::new(0)))
    }

    #[test]
    fn a_source_that_was_taken_out_is_not_served_and_its_place_is_used_again() {
        let (mut events, first, second) = (EventLoop::new().unwrap(), bell(), bell());
        events.add(first.clone()).unwrap();
        events.remove(&*first);
        events.add(second.clone()).unwrap();
        first.0.set(Duration::ZERO);
        second.0.set(Duration::ZERO);
        while second.1.load(Ordering::SeqCst) == 0 {
            events.serve().unwrap();
        }
        assert_eq!((first.1.load(Ordering::SeqCst), events.sources.len()), (0, 1));
    }

    #[test]
    fn a_timer_keeps_the_earlier_of_two_times() {
        let bell = bell();
        bell.0.set(Duration::from_millis(1));
        bell.0.set(Duration::from_secs(10_000));
        let mut events = EventLoop::new().unwrap();
        events.add(bell.clone()).unwrap();
        while bell.1.load(Ordering::SeqCst) == 0 {
            events.serve().unwrap();
        }
    }
}
