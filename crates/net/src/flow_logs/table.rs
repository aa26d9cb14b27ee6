//! The account of one log's interval: what each interface saw, by flows.
//!
//! What a guest can make of it is bounded: so many flows of an interface and so many in all. Packets of flows beyond that
//! are counted as skipped, and the record says so.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cumulet_model::InterfaceId;

use super::scene::Subject;
use super::sighting::{Count, Flow, Sighting};

/// How many flows an account holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of one interface.
    pub interface: usize,
    /// In all.
    pub all: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { interface: 10_000, all: 100_000 }
    }
}

/// The account.
#[derive(Debug, Default)]
pub struct Table {
    bounds: Bounds,
    pages: BTreeMap<InterfaceId, Page>,
    flows: usize,
}

/// What one interface saw.
#[derive(Debug)]
struct Page {
    subject: Arc<Subject>,
    flows: HashMap<Flow, Tally>,
    skipped: u64,
}

/// A flow's packets: those that were counted, and those that were counted and yet refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    counted: Option<Count>,
    undone: (u64, u64),
}

/// What an interface saw in an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The interface.
    pub subject: Arc<Subject>,
    /// Its flows, in their order.
    pub flows: Vec<(Flow, Count)>,
    /// Packets that there was no room to count by flow.
    pub skipped: u64,
}

impl Table {
    /// An empty account.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Counts packets in.
    pub fn count(&mut self, sighting: &Sighting) {
        let more = sighting.count;
        let Some(tally) = self.tally(sighting) else { return };
        tally.counted = Some(tally.counted.map_or(more, |count| sum(count, more)));
    }

    /// Takes packets out again that were counted, or will be, and were refused.
    pub fn undo(&mut self, sighting: &Sighting) {
        let Count { packets, bytes, .. } = sighting.count;
        let Some(tally) = self.tally(sighting) else { return };
        tally.undone = (tally.undone.0.saturating_add(packets), tally.undone.1.saturating_add(bytes));
    }

    /// Notes packets of an interface that nothing more is known of.
    pub fn skip(&mut self, subject: &Arc<Subject>, packets: u64) {
        let skipped = &mut self.page(subject).skipped;
        *skipped = skipped.saturating_add(packets);
    }

    /// The flows that are held.
    pub fn flows(&self) -> usize {
        self.flows
    }

    /// Ends the interval and gives what was seen in it. What is to be taken out of packets that are not counted yet
    /// goes into the next one.
    pub fn close(&mut self) -> Vec<Seen> {
        let mut seen = Vec::with_capacity(self.pages.len());
        let mut next = Self::new(self.bounds);
        for (id, page) in std::mem::take(&mut self.pages) {
            let mut flows = Vec::with_capacity(page.flows.len());
            let mut left = HashMap::new();
            for (flow, tally) in page.flows {
                let (count, undone) = tally.settle();
                flows.extend(count.map(|count| (flow, count)));
                if undone.0 > 0 {
                    left.insert(flow, Tally { counted: None, undone });
                }
            }
            flows.sort_unstable_by_key(|(flow, _)| *flow);
            if !left.is_empty() {
                next.flows += left.len();
                next.pages.insert(id, Page { subject: Arc::clone(&page.subject), flows: left, skipped: 0 });
            }
            seen.push(Seen { subject: page.subject, flows, skipped: page.skipped });
        }
        *self = next;
        seen
    }

    fn page(&mut self, subject: &Arc<Subject>) -> &mut Page {
        let new = || Page { subject: Arc::clone(subject), flows: HashMap::new(), skipped: 0 };
        let page = self.pages.entry(subject.id.clone()).or_insert_with(new);
        page.subject = Arc::clone(subject);
        page
    }

    /// The flow's tally; `None` if there is no room for another flow, and then the packets are noted as skipped.
    fn tally(&mut self, sighting: &Sighting) -> Option<&mut Tally> {
        let (bounds, held) = (self.bounds, self.flows);
        let page = self.page(&sighting.subject);
        if !page.flows.contains_key(&sighting.flow) {
            if page.flows.len() >= bounds.interface || held >= bounds.all {
                page.skipped = page.skipped.saturating_add(sighting.count.packets);
                return None;
            }
            self.flows += 1;
        }
        let page = self.pages.get_mut(&sighting.subject.id)?;
        Some(page.flows.entry(sighting.flow).or_default())
    }
}

impl Tally {
    /// What is left of the count, and what is still to be taken out.
    fn settle(self) -> (Option<Count>, (u64, u64)) {
        let Some(count) = self.counted else {
            return (None, self.undone);
        };
        let packets = count.packets.saturating_sub(self.undone.0);
        let bytes = count.bytes.saturating_sub(self.undone.1);
        let undone = (self.undone.0.saturating_sub(count.packets), self.undone.1.saturating_sub(count.bytes));
        ((packets > 0).then_some(Count { packets, bytes, ..count }), undone)
    }
}

fn sum(a: Count, b: Count) -> Count {
    Count {
        packets: a.packets.saturating_add(b.packets),
        bytes: a.bytes.saturating_add(b.bytes),
        first: a.first.min(b.first),
        last: a.last.max(b.last),
        tcp_flags: a.tcp_flags | b.tcp_flags,
    }
}
