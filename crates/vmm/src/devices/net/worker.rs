//! The threads of the pairs behind the first, which the event loop serves. They stand still while the machine is paused,
//! and end when the interface is off the bus.

use super::Net;
use super::pair::{Further, RX};
use crate::event_loop::EventLoop;
use crate::jail;
use crate::machine::{Gate, Pass};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Starts them. Closing `gate` needs [`Net::nudge`] to wake them.
pub fn spawn(number: usize, net: &Arc<Net>, gate: &Arc<Gate>) -> io::Result<()> {
    for index in 1..net.pairs.len() {
        let mut events = EventLoop::new()?;
        // While the tap's queue is in use: one that is not can't be waited for, not even later.
        events.add(Arc::new(Further(net.clone(), index)))?;
        let (net, passed) = (net.clone(), gate.clone());
        gate.enter();
        let thread = std::thread::Builder::new().name(format!("net{number}.{index}"));
        let thread = thread.spawn(move || {
            jail::enter(jail::Kind::Net).expect("a filter that was taken before");
            while passed.pass() == Pass::Go {
                if net.retired.load(Ordering::SeqCst) {
                    return passed.leave();
                }
                events.wait().expect("an epoll of ours");
            }
        });
        thread.inspect_err(|_| gate.leave())?;
    }
    Ok(())
}

impl Net {
    /// Wakes its threads, so that they look at their gate.
    pub fn nudge(&self) {
        for index in 1..self.pairs.len() {
            // A full counter wakes just as well.
            let _ = self.kicks[2 * index + RX].write(1);
        }
    }

    /// It is off the bus: closes the tap and has its threads end.
    pub fn retire(&self) {
        self.sever();
        self.retired.store(true, Ordering::SeqCst);
        self.nudge();
    }
}
