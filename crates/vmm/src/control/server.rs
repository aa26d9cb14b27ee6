//! The listening socket and its connections, in an epoll of their own.

use super::connection::{Answer, Asked, Connection, Next};
use cumulet_vmm_protocol::rundir::CONTROL_SOCKET;
use cumulet_vmm_protocol::{Refusal, RefusalCode};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixListener;
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};

/// Most connections at once.
const MAX_CONNECTIONS: usize = 16;
/// Marks the listener among events.
const LISTENER: u64 = u64::MAX;

/// Who carries commands out.
pub trait Commands {
    /// Carries a command out; asked again after each change while it answers [`Answer::Later`].
    fn execute(&mut self, asked: &mut Asked) -> Answer;
}

/// The control socket.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    epoll: Epoll,
    connections: [Option<Connection>; MAX_CONNECTIONS],
}

impl Server {
    /// Listens in the working directory.
    pub fn bind() -> io::Result<Self> {
        match std::fs::remove_file(CONTROL_SOCKET) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(CONTROL_SOCKET)?;
        listener.set_nonblocking(true)?;
        let epoll = Epoll::new()?;
        epoll.ctl(ControlOperation::Add, listener.as_raw_fd(), EpollEvent::new(EventSet::IN, LISTENER))?;
        Ok(Self { listener, epoll, connections: Default::default() })
    }

    /// Serves what is ready, without waiting.
    pub fn serve(&mut self, commands: &mut dyn Commands) -> io::Result<()> {
        let mut events = [EpollEvent::default(); MAX_CONNECTIONS + 1];
        let count = self.epoll.wait(0, &mut events)?;
        for event in &events[..count] {
            match event.data() {
                LISTENER => self.accept()?,
                slot => self.serve_one(slot as usize, commands, event.event_set()),
            }
        }
        Ok(())
    }

    /// Looks again at requests whose answer had to come later.
    pub fn serve_waiting(&mut self, commands: &mut dyn Commands) {
        for slot in 0..MAX_CONNECTIONS {
            if self.connections[slot].as_ref().is_some_and(Connection::is_waiting) {
                self.serve_one(slot, commands, EventSet::empty());
            }
        }
    }

    fn serve_one(&mut self, slot: usize, commands: &mut dyn Commands, events: EventSet) {
        let Some(connection) = &mut self.connections[slot] else { return };
        let gone = connection.is_waiting() && events.intersects(EventSet::READ_HANG_UP | EventSet::HANG_UP);
        let next = if gone { Next::Close } else { connection.serve(&mut |asked| commands.execute(asked)) };
        match next {
            Next::Wait(events) => {
                let event = EpollEvent::new(events, slot as u64);
                // It is in the epoll since it was accepted.
                let _ = self.epoll.ctl(ControlOperation::Modify, connection.as_raw_fd(), event);
            }
            // Closing the descriptor takes it out of the epoll.
            Next::Close => self.connections[slot] = None,
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            // Gone again, or no descriptor left: the peer sees it.
            Err(_) => return Ok(()),
        };
        let connection = Connection::new(stream)?;
        match self.connections.iter().position(Option::is_none) {
            Some(slot) => {
                let event = EpollEvent::new(EventSet::IN, slot as u64);
                self.epoll.ctl(ControlOperation::Add, connection.as_raw_fd(), event)?;
                self.connections[slot] = Some(connection);
            }
            None => connection.turn_away(Refusal {
                code: RefusalCode::Busy,
                message: format!("{MAX_CONNECTIONS} connections are open already"),
            }),
        }
        Ok(())
    }
}

impl AsRawFd for Server {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}
