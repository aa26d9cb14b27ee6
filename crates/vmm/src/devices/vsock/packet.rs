//! The header of a packet (virtio 1.2, 5.10.6): 44 bytes, little-endian. Nothing in it is trusted here.

/// Bytes of a header.
pub const HEADER: usize = 44;
/// Most bytes of data in a packet.
pub const MAX_DATA: usize = 64 * 1024;
/// The host's address.
pub const HOST_CID: u64 = 2;
/// The only type of socket there is here.
pub const STREAM: u16 = 1;

/// Kinds of packets.
pub mod op {
    /// May I connect?
    pub const REQUEST: u16 = 1;
    /// You may.
    pub const RESPONSE: u16 = 2;
    /// You may not, or no longer.
    pub const RST: u16 = 3;
    /// I send or receive no more.
    pub const SHUTDOWN: u16 = 4;
    /// Data.
    pub const RW: u16 = 5;
    /// So much room I have.
    pub const CREDIT_UPDATE: u16 = 6;
    /// How much room have you?
    pub const CREDIT_REQUEST: u16 = 7;
}

/// Of [`op::SHUTDOWN`]: the sender receives no more.
pub const NO_RECEIVE: u32 = 1;
/// Of [`op::SHUTDOWN`]: the sender sends no more.
pub const NO_SEND: u32 = 2;
/// Both.
pub const NO_BOTH: u32 = NO_RECEIVE | NO_SEND;

/// A header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// Who sends.
    pub src_cid: u64,
    /// For whom.
    pub dst_cid: u64,
    /// From which port.
    pub src_port: u32,
    /// To which port.
    pub dst_port: u32,
    /// Bytes of data behind the header.
    pub length: u32,
    /// Type of socket.
    pub kind: u16,
    /// Kind of packet.
    pub op: u16,
    /// Of [`op::SHUTDOWN`].
    pub flags: u32,
    /// Bytes that the sender's buffer has in all.
    pub buf_alloc: u32,
    /// Bytes that left the sender's buffer so far, modulo 2^32.
    pub fwd_cnt: u32,
}

impl Header {
    /// Reads a header.
    pub fn from_bytes(bytes: &[u8; HEADER]) -> Self {
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        Self {
            src_cid: long(0),
            dst_cid: long(8),
            src_port: word(16),
            dst_port: word(20),
            length: word(24),
            kind: half(28),
            op: half(30),
            flags: word(32),
            buf_alloc: word(36),
            fwd_cnt: word(40),
        }
    }

    /// Writes a header.
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&self.src_cid.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.dst_cid.to_le_bytes());
        for (at, word) in [(16, self.src_port), (20, self.dst_port), (24, self.length)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[28..30].copy_from_slice(&self.kind.to_le_bytes());
        bytes[30..32].copy_from_slice(&self.op.to_le_bytes());
        for (at, word) in [(32, self.flags), (36, self.buf_alloc), (40, self.fwd_cnt)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The refusal of this packet.
    pub fn refusal(&self) -> Self {
        Self {
            src_cid: self.dst_cid,
            dst_cid: self.src_cid,
            src_port: self.dst_port,
            dst_port: self.src_port,
            kind: STREAM,
            op: op::RST,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_is_its_bytes(bytes in prop::collection::vec(any::<u8>(), HEADER)) {
            let bytes: [u8; HEADER] = bytes.try_into().unwrap();
            prop_assert_eq!(Header::from_bytes(&bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn fields_lie_where_the_specification_has_them() {
        let header = Header {
            src_cid: 3,
            dst_cid: 2,
            src_port: 7,
            dst_port: 1024,
            op: op::RW,
            kind: 1,
            ..Default::default()
        };
        let bytes = header.to_bytes();
        assert_eq!((bytes[0], bytes[8], bytes[16], bytes[28], bytes[30]), (3, 2, 7, 1, 5));
        assert_eq!(bytes[20..24], 1024u32.to_le_bytes());
    }
}
