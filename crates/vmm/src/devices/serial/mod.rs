//! The serial console: a 16550 on the first PC port, what the guest has written, and its log.

mod console;
mod log;
mod port;
mod state;

pub use console::{Console, ConsoleWriter};
pub use log::ConsoleLog;
pub use port::{Line, SerialPort};

/// First port.
pub const PORTS_START: u16 = 0x3f8;
/// Number of ports.
pub const PORTS_COUNT: u16 = 8;
