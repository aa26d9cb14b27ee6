//! Packets that rules log, over nfnetlink_log (linux/netfilter/nfnetlink_log.h): headers only, several at once. The
//! socket belongs to the calling thread's namespace.

use rtnetlink::sys::Socket;

use super::netfilter::{FAMILY, acknowledged_to, attribute, attributes, messages, open};
use crate::error::NetError;
use crate::flow_logs::packet::{Packet, parse};

/// Message types: `NFNL_SUBSYS_ULOG` in the high byte.
const PACKET: u16 = 0x0400;
const CONFIGURE: u16 = 0x0401;
/// Attributes of a configuration.
const COMMAND: u16 = 1;
const MODE: u16 = 2;
const BUFFER: u16 = 3;
const WAIT: u16 = 4;
const FLAGS: u16 = 6;
/// `NFULNL_CFG_CMD_BIND`, `NFULNL_COPY_PACKET`, `NFULNL_CFG_F_SEQ`.
const BIND: u8 = 1;
const COPY_PACKET: u8 = 2;
const NUMBERED: u16 = 1;
/// So much is handed over at once, in bytes, and so long is waited for it, in hundredths of a second.
const AT_ONCE: u32 = 32 * 1024;
const PATIENCE: u32 = 10;

/// A logged packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// What the rule says of it.
    pub prefix: String,
    /// Its number among those of its group: where one is missing, it was lost.
    pub number: u32,
    /// Its mark.
    pub mark: u32,
    /// Index of the link that it came in by, and of the one that it would have left by; 0 for none.
    pub links: (u32, u32),
    /// Its headers, if it is an IP packet.
    pub packet: Option<Packet>,
}

/// A socket that is given what rules log to a group; `headers` bytes of each packet.
pub fn listen(group: u16, headers: u32) -> Result<Socket, NetError> {
    let bind = || {
        let socket = open()?;
        acknowledged_to(&socket, CONFIGURE, group, &attribute(COMMAND, &[BIND]))?;
        let mode = [&headers.to_be_bytes()[..], &[COPY_PACKET, 0]].concat();
        let settings = [
            attribute(MODE, &mode),
            attribute(BUFFER, &AT_ONCE.to_be_bytes()),
            attribute(WAIT, &PATIENCE.to_be_bytes()),
            attribute(FLAGS, &NUMBERED.to_be_bytes()),
        ];
        acknowledged_to(&socket, CONFIGURE, group, &settings.concat())?;
        socket.set_non_blocking(true)?;
        std::io::Result::Ok(socket)
    };
    bind().map_err(NetError::io("listen for logged packets"))
}

/// The packets in a datagram.
pub fn logged(datagram: &[u8]) -> Vec<Logged> {
    messages(datagram)
        .filter(|(kind, _)| *kind == PACKET)
        .filter_map(|(_, payload)| payload.get(FAMILY..).map(read))
        .collect()
}

fn read(bytes: &[u8]) -> Logged {
    let mut read = Logged { prefix: String::new(), number: 0, mark: 0, links: (0, 0), packet: None };
    let number = |value: &[u8]| value.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    for (kind, _, value) in attributes(bytes) {
        match kind {
            2 => read.mark = number(value),
            4 => read.links.0 = number(value),
            5 => read.links.1 = number(value),
            9 => read.packet = parse(value),
            10 => read.prefix = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
            12 => read.number = number(value),
            _ => {}
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_logged_packet_is_read() {
        let headers =
            [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 54, 0, 8, 0, 0];
        let bytes = [
            attribute(2, &0x201u32.to_be_bytes()),
            attribute(4, &7u32.to_be_bytes()),
            attribute(9, &headers),
            attribute(10, b"no-in\0"),
            attribute(12, &41u32.to_be_bytes()),
        ];
        let read = read(&bytes.concat());
        assert_eq!((read.prefix.as_str(), read.number, read.mark, read.links), ("no-in", 41, 0x201, (7, 0)));
        assert_eq!(read.packet.expect("a packet").tuple.destination_port, 54);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = logged(&bytes);
            let _ = read(&bytes);
        }
    }
}
