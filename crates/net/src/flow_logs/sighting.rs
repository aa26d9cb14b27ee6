//! What an interface saw: packets of one flow in one direction, let through or refused.
//!
//! A connection through the VPC is seen by its sender and its receiver, each way: with the addresses that packets have
//! at that interface, before or after the translation of public addresses. A NAT gateway sees both of its sides.

use std::net::IpAddr;
use std::sync::Arc;

use super::packet::{Packet, Tuple, is_tcp, tcp};
use super::scene::{Path, Scene, Subject};
use super::stage::Stage;

/// Which way packets go, as the interface sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// To the interface.
    Ingress,
    /// From it.
    Egress,
}

/// What became of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Let through.
    Accept,
    /// Refused.
    Reject,
}

/// What packets have in common that are counted into one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// Which way.
    pub direction: Direction,
    /// What became of them.
    pub action: Action,
    /// The packets' own ends.
    pub tuple: Tuple,
    /// What way they take, if they are sent.
    pub path: Option<Path>,
}

/// How many packets, and when. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes with the IP headers.
    pub bytes: u64,
    /// Time of the first one.
    pub first: i64,
    /// Time of the last one.
    pub last: i64,
    /// TCP's flags among them, see [`tcp`].
    pub tcp_flags: u8,
}

/// Packets that an interface saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The interface.
    pub subject: Arc<Subject>,
    /// The flow.
    pub flow: Flow,
    /// How many.
    pub count: Count,
}

/// What the kernel tells of a connection: both directions' packets since it was last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Ends of the first packet, as it was sent.
    pub original: Tuple,
    /// Ends of an answer, as it is sent: after the translation of addresses.
    pub reply: Tuple,
    /// Packets and bytes that were sent; `None` if the kernel does not count this connection.
    pub sent: Option<(u64, u64)>,
    /// Packets and bytes of answers.
    pub answered: Option<(u64, u64)>,
    /// When it began and ended, in seconds since the Unix epoch.
    pub started: Option<i64>,
    /// When it ended.
    pub stopped: Option<i64>,
    /// Where TCP stands in it.
    pub tcp_state: Option<u8>,
    /// Whether it was answered and the answer was taken.
    pub assured: bool,
}

/// A refused packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub stage: Stage,
    /// Whether its connection was known, and so counts the packet.
    pub known: bool,
    /// Whether its sender's groups have let it out.
    pub let_out: bool,
    /// Its headers.
    pub packet: Packet,
    /// Index of the link that it came in by.
    pub input: u32,
    /// Index of the link that it would have left by.
    pub output: u32,
}

impl Connection {
    /// What interfaces saw of it from `since` to `now`.
    pub fn sightings(&self, scene: &Scene, since: i64, now: i64) -> Vec<Sighting> {
        if scene.is_service(&self.original) || scene.is_service(&self.reply) {
            return vec![];
        }
        let first = self.started.map_or(since, |started| started.clamp(since, now));
        let last = self.stopped.unwrap_or(now).clamp(first, now);
        let (sent_flags, reply_flags) = self.tcp_flags(since);
        let counted = |(packets, bytes), tcp_flags| Count { packets, bytes, first, last, tcp_flags };
        let mut seen = Vec::new();
        if let Some(sent) = self.sent.filter(|sent| sent.0 > 0) {
            let way =
                Way { sent: self.original, arrived: self.reply.inverse(), count: counted(sent, sent_flags) };
            way.put(scene, &mut seen);
        }
        if let Some(answered) = self.answered.filter(|answered| answered.0 > 0) {
            let count = counted(answered, reply_flags);
            Way { sent: self.reply, arrived: self.original.inverse(), count }.put(scene, &mut seen);
        }
        self.by_a_forwarder(scene, &mut seen);
        seen
    }

    /// The interfaces that have something to do with it.
    pub fn subjects<'a>(&self, scene: &'a Scene) -> impl Iterator<Item = &'a Arc<Subject>> {
        [self.original.source, self.reply.source].into_iter().filter_map(|end| scene.at(end))
    }

    /// A connection that a route leads to an interface whose instance forwards: that interface sees both ways of it.
    fn by_a_forwarder(&self, scene: &Scene, seen: &mut Vec<Sighting>) {
        let Some(sender) = scene.at(self.original.source) else { return };
        let Some(forwarder) = scene.led_to(&sender.subnet_id, self.original.destination) else { return };
        if forwarder.id == sender.id {
            return;
        }
        let counts: Vec<(Direction, Count)> = seen
            .iter()
            .filter(|it| it.subject.id == sender.id)
            .map(|it| (it.flow.direction, it.count))
            .collect();
        for (direction, count) in counts {
            let subject = Arc::clone(forwarder);
            seen.push(match direction {
                Direction::Egress => ingress(subject, Action::Accept, self.original, count),
                Direction::Ingress => egress(scene, subject, Action::Accept, self.original.inverse(), count),
            });
        }
    }

    /// The flags that each side's segments since `since` must have had, by where TCP stands. Which side broke off a
    /// connection that was in use can't be told, so nothing is.
    fn tcp_flags(&self, since: i64) -> (u8, u8) {
        const SYN_SENT: u8 = 1;
        const LAST_ACK: u8 = 6;
        const TIME_WAIT: u8 = 7;
        const CLOSED: u8 = 8;
        let Some(state) = self.tcp_state.filter(|_| is_tcp(&self.original)) else { return (0, 0) };
        let (mut sent, mut reply) = (0, 0);
        let refused = state == CLOSED && !self.assured;
        if self.started.is_some_and(|started| started >= since) {
            sent |= tcp::SYN;
            reply |= if state > SYN_SENT && !refused { tcp::SYN_ACK } else { 0 };
        }
        if refused {
            reply |= tcp::RST;
        }
        if matches!(state, LAST_ACK | TIME_WAIT) {
            (sent, reply) = (sent | tcp::FIN, reply | tcp::FIN);
        }
        (sent, reply)
    }
}

/// One direction of a connection: its packets as they were sent and as they arrived.
struct Way {
    sent: Tuple,
    arrived: Tuple,
    count: Count,
}

impl Way {
    fn put(&self, scene: &Scene, seen: &mut Vec<Sighting>) {
        if let Some(sender) = scene.at(self.sent.source) {
            seen.push(egress(scene, Arc::clone(sender), Action::Accept, self.sent, self.count));
        }
        if let Some(gateway) = scene.gateway(self.arrived.source) {
            seen.push(ingress(Arc::clone(gateway), Action::Accept, self.sent, self.count));
            let out = Tuple { source: gateway.primary.into(), ..self.arrived };
            seen.push(egress(scene, Arc::clone(gateway), Action::Accept, out, self.count));
        }
        if let Some(gateway) = scene.gateway(self.sent.destination) {
            let into = Tuple { destination: gateway.primary.into(), ..self.sent };
            seen.push(ingress(Arc::clone(gateway), Action::Accept, into, self.count));
            seen.push(egress(scene, Arc::clone(gateway), Action::Accept, self.arrived, self.count));
        }
        if let Some(receiver) = scene.at(self.arrived.destination) {
            seen.push(ingress(Arc::clone(receiver), Action::Accept, self.arrived, self.count));
        }
    }
}

/// What became of the account by a refused packet.
#[derive(Debug, Default)]
pub struct Refused {
    /// What interfaces saw.
    pub seen: Vec<Sighting>,
    /// What connection tracking has counted as let through and was not.
    pub undone: Vec<Sighting>,
}

impl Refusal {
    /// What interfaces saw of it at a time.
    pub fn sightings(&self, scene: &Scene, now: i64) -> Refused {
        let Packet { tuple, bytes, tcp_flags } = self.packet;
        let mut refused = Refused::default();
        if scene.is_service(&tuple) {
            return refused;
        }
        let count = Count { packets: 1, bytes, first: now, last: now, tcp_flags };
        let (sender, receiver) = (scene.behind(self.input), scene.behind(self.output));
        let passed =
            |subject: &Arc<Subject>| egress(scene, Arc::clone(subject), Action::Accept, tuple, count);
        let arrived = |subject: &Arc<Subject>| ingress(Arc::clone(subject), Action::Accept, tuple, count);
        match self.stage {
            Stage::Out | Stage::AclOut => {
                let rejected =
                    |subject: &Arc<Subject>| egress(scene, Arc::clone(subject), Action::Reject, tuple, count);
                refused.seen.extend(sender.map(rejected));
                if self.known {
                    refused.undone.extend(sender.map(passed));
                    refused.undone.extend(receiver.map(arrived));
                }
            }
            Stage::In | Stage::AclIn => {
                let rejected =
                    |subject: &Arc<Subject>| ingress(Arc::clone(subject), Action::Reject, tuple, count);
                refused.seen.extend(receiver.map(rejected));
                if self.known {
                    refused.undone.extend(receiver.map(arrived));
                } else if self.let_out || self.stage == Stage::In {
                    refused.seen.extend(sender.map(passed));
                }
            }
        }
        refused
    }
}

fn ingress(subject: Arc<Subject>, action: Action, tuple: Tuple, count: Count) -> Sighting {
    Sighting { subject, flow: Flow { direction: Direction::Ingress, action, tuple, path: None }, count }
}

fn egress(scene: &Scene, subject: Arc<Subject>, action: Action, tuple: Tuple, count: Count) -> Sighting {
    let to: IpAddr = tuple.destination;
    let path = (action == Action::Accept).then(|| scene.path(&subject.subnet_id, to)).flatten();
    Sighting { subject, flow: Flow { direction: Direction::Egress, action, tuple, path }, count }
}
