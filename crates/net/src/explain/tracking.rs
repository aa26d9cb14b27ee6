//! Connection tracking, as far as addresses and ports are concerned: what was translated in a namespace is translated
//! the same way again, and back for the answer.

use cumulet_model::packet::Packet;

/// The connections of all namespaces that a walk came through.
#[derive(Debug, Default)]
pub struct Tracking(Vec<Connection>);

#[derive(Debug)]
struct Connection {
    namespace: String,
    original: Packet,
    /// As it leaves, translated.
    translated: Packet,
    answered: bool,
}

/// What tracking knows of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it begins a connection.
    New,
    /// It goes the way of a known connection, as which it leaves so.
    Again {
        /// As it leaves.
        translated: Packet,
        /// Whether an answer was seen.
        answered: bool,
    },
    /// It answers a known connection, as which it leaves so.
    Answer {
        /// As it leaves.
        translated: Packet,
    },
}

impl Tracking {
    /// What a namespace knows of a packet that comes to it.
    pub fn look(&mut self, namespace: &str, packet: Packet) -> Known {
        for known in self.0.iter_mut().rev().filter(|known| known.namespace == namespace) {
            if known.original == packet {
                return Known::Again { translated: known.translated, answered: known.answered };
            }
            if known.translated.answer() == Some(packet) {
                known.answered = true;
                let Some(translated) = known.original.answer() else { return Known::New };
                return Known::Answer { translated };
            }
        }
        Known::New
    }

    /// Notes a connection that a namespace let through.
    pub fn confirm(&mut self, namespace: &str, original: Packet, translated: Packet) {
        let known = |known: &Connection| known.namespace == namespace && known.original == original;
        if !self.0.iter().any(known) {
            let namespace = namespace.to_owned();
            self.0.push(Connection { namespace, original, translated, answered: false });
        }
    }
}
