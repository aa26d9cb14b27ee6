//! A gate that worker threads pass between two pieces of work. Closing it waits until all of them stand before it, so
//! what they work on is quiet. `closed <-> open -> over`: it is closed at first, as nothing is worked before the machine is
//! whole and begins.

use std::sync::{Condvar, Mutex};

/// What a worker may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Work.
    Go,
    /// Leave.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Closed,
    Over,
}

/// The gate of a group of workers.
#[derive(Debug)]
pub struct Gate {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner {
    mode: Mode,
    workers: usize,
    standing: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner { mode: Mode::Closed, workers: 0, standing: 0 }),
            changed: Condvar::new(),
        }
    }
}

impl Gate {
    /// Counts a worker in; call it before its thread begins.
    pub fn enter(&self) {
        self.lock().workers += 1;
    }

    /// The same, but what the worker has begun and not ended is ended by `settle` before it stands.
    pub fn pass_after(&self, settle: impl FnOnce()) -> Pass {
        if self.lock().mode == Mode::Open {
            return Pass::Go;
        }
        settle();
        self.pass()
    }

    /// Called by each worker between two pieces of work; waits while the gate is closed.
    pub fn pass(&self) -> Pass {
        let mut inner = self.lock();
        if inner.mode == Mode::Open {
            return Pass::Go;
        }
        inner.standing += 1;
        self.changed.notify_all();
        while inner.mode == Mode::Closed {
            inner = self.changed.wait(inner).expect("no thread panicked");
        }
        if inner.mode == Mode::Over {
            return Pass::End;
        }
        inner.standing -= 1;
        self.changed.notify_all();
        Pass::Go
    }

    /// Counts a worker out that has nothing left to do.
    pub fn leave(&self) {
        self.lock().workers -= 1;
        self.changed.notify_all();
    }

    /// Closes the gate. `nudge` wakes workers that wait for work. Returns when all stand.
    pub fn close(&self, nudge: impl Fn()) {
        self.lock().mode = Mode::Closed;
        nudge();
        self.wait_for_all();
    }

    /// Opens the gate and returns when all have gone on.
    pub fn open(&self) {
        let mut inner = self.lock();
        inner.mode = Mode::Open;
        self.changed.notify_all();
        while inner.standing > 0 {
            inner = self.changed.wait(inner).expect("no thread panicked");
        }
    }

    /// Sends all workers home and returns when none works any more.
    pub fn end(&self, nudge: impl Fn()) {
        self.lock().mode = Mode::Over;
        self.changed.notify_all();
        nudge();
        self.wait_for_all();
    }

    fn wait_for_all(&self) {
        let mut inner = self.lock();
        while inner.standing < inner.workers {
            inner = self.changed.wait(inner).expect("no thread panicked");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no thread panicked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn nothing_is_worked_while_the_gate_is_closed() {
        let gate = Arc::new(Gate::default());
        let work = Arc::new(AtomicU64::new(0));
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (gate, work) = (gate.clone(), work.clone());
                gate.enter();
                std::thread::spawn(move || {
                    while gate.pass() == Pass::Go {
                        work.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            gate.close(|| ());
            let seen = work.load(Ordering::SeqCst);
            std::thread::yield_now();
            assert_eq!(work.load(Ordering::SeqCst), seen);
            gate.open();
        }
        gate.end(|| ());
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    }
}
