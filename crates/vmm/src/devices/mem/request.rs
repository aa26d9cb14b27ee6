//! What a driver asks and what it is answered (virtio 1.2, 5.15.6), by the bytes.

/// Bytes of a request.
pub const REQUEST: usize = 24;
/// Bytes of an answer.
pub const ANSWER: usize = 10;

/// Blocks that follow each other; not checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Guest-physical address of the first.
    pub address: u64,
    /// How many.
    pub blocks: u16,
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Make blocks memory.
    Plug(Range),
    /// Give blocks back.
    Unplug(Range),
    /// Give all blocks back.
    UnplugAll,
    /// What are these?
    State(Range),
}

/// What blocks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum State {
    /// All of them memory.
    Plugged = 0,
    /// None of them.
    Unplugged = 1,
    /// Some of them.
    Mixed = 2,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// Done: this is the state.
    State(State),
    /// Not now: more was asked for than shall be plugged.
    Refused,
    /// No driver asks this.
    Wrong,
}

impl Request {
    /// Reads a request.
    pub fn parse(bytes: &[u8; REQUEST]) -> Option<Self> {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let address = u64::from_le_bytes(std::array::from_fn(|index| bytes[8 + index]));
        let range = Range { address, blocks: word(16) };
        match word(0) {
            0 => Some(Self::Plug(range)),
            1 => Some(Self::Unplug(range)),
            2 => Some(Self::UnplugAll),
            3 => Some(Self::State(range)),
            _ => None,
        }
    }
}

impl Answer {
    /// Its bytes.
    pub fn bytes(self) -> [u8; ANSWER] {
        let (kind, state) = match self {
            Self::Done => (0u16, 0),
            Self::State(state) => (0, state as u16),
            Self::Refused => (1, 0),
            Self::Wrong => (3, 0),
        };
        let mut bytes = [0; ANSWER];
        bytes[..2].copy_from_slice(&kind.to_le_bytes());
        bytes[8..].copy_from_slice(&state.to_le_bytes());
        bytes
    }
}
