//! The accounts of a VPC's flow logs: what is told of connections and refused packets goes into the account of each log
//! that it concerns, and each account ends with its interval. Time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cumulet_model::FlowLogId;
use cumulet_ports::network::{FlowLogScope, FlowLogSpec};

use super::scene::{Scene, Subject};
use super::sighting::{Action, Connection, Refusal, Sighting};
use super::table::{Bounds, Seen, Table};

/// The accounts. Times are seconds since the Unix epoch.
#[derive(Debug, Default)]
pub struct Books {
    scene: Scene,
    books: BTreeMap<FlowLogId, Book>,
    bounds: Bounds,
    /// When connections were last looked at.
    looked: i64,
}

#[derive(Debug)]
struct Book {
    spec: FlowLogSpec,
    table: Table,
    from: i64,
    lost: u64,
    /// Interfaces with connections that the kernel does not count, as they are older than the log.
    blind: BTreeSet<Arc<Subject>>,
    cut_off: bool,
}

/// An interval of a log that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The log.
    pub spec: FlowLogSpec,
    /// The interval's first second.
    pub from: i64,
    /// Its last one.
    pub to: i64,
    /// What interfaces saw.
    pub seen: Vec<Seen>,
    /// The interfaces that the log is of at the interval's end.
    pub subjects: Vec<Arc<Subject>>,
    /// Interfaces of which not all traffic could be counted.
    pub blind: BTreeSet<Arc<Subject>>,
    /// What the kernel had to tell and could not: of which interfaces nobody knows.
    pub lost: u64,
    /// Whether nobody recorded for a part of it.
    pub cut_off: bool,
}

impl Books {
    /// None yet.
    pub fn new(bounds: Bounds, now: i64) -> Self {
        Self { bounds, looked: now, ..Self::default() }
    }

    /// Goes on with another scene and these logs; gives what is closed by that: accounts of logs that are no more. What
    /// connections have carried until now should have been told before.
    pub fn change(&mut self, scene: Scene, logs: &[FlowLogSpec], now: i64) -> Vec<Closed> {
        let stale: Vec<FlowLogId> = self
            .books
            .iter()
            .filter(|(_, book)| !logs.contains(&book.spec))
            .map(|(id, _)| id.clone())
            .collect();
        let closed = stale.iter().filter_map(|id| self.close(id, now)).collect();
        self.books.retain(|id, _| !stale.contains(id));
        self.show(scene);
        for spec in logs {
            let new = || Book::new(spec, self.bounds, now);
            self.books.entry(spec.id.clone()).or_insert_with(new);
        }
        closed
    }

    /// Goes on with another scene.
    pub fn show(&mut self, mut scene: Scene) {
        scene.remember(&self.scene);
        self.scene = scene;
    }

    /// Takes up a log that somebody has recorded until `from`: what connections have carried since then the kernel still
    /// knows, but not which ended or what was refused.
    pub fn resume(&mut self, spec: &FlowLogSpec, from: i64) {
        let book = Book { cut_off: true, ..Book::new(spec, self.bounds, from) };
        self.books.insert(spec.id.clone(), book);
        self.looked = self.looked.min(from);
    }

    /// All connections have been told.
    pub fn looked(&mut self, now: i64) {
        self.looked = now;
        self.scene.forget();
    }

    /// Counts what a connection has carried since the last look.
    pub fn connection(&mut self, connection: &Connection, now: i64) {
        if connection.sent.is_none() {
            for subject in connection.subjects(&self.scene) {
                for book in self.books.values_mut().filter(|book| book.records(subject, Action::Accept)) {
                    book.blind.insert(Arc::clone(subject));
                }
            }
            return;
        }
        for sighting in connection.sightings(&self.scene, self.looked, now) {
            self.each(&sighting, Table::count);
        }
    }

    /// Counts a refused packet.
    pub fn refusal(&mut self, refusal: &Refusal, now: i64) {
        let refused = refusal.sightings(&self.scene, now);
        refused.seen.iter().for_each(|sighting| self.each(sighting, Table::count));
        refused.undone.iter().for_each(|sighting| self.each(sighting, Table::undo));
    }

    /// Notes that the kernel had to tell more of such traffic than it could.
    pub fn lost(&mut self, action: Action, messages: u64) {
        for book in self.books.values_mut().filter(|book| book.takes(action)) {
            book.lost = book.lost.saturating_add(messages);
        }
    }

    /// When the next interval ends.
    pub fn next_end(&self) -> Option<i64> {
        self.books.values().map(Book::end).min()
    }

    /// Closes what has ended.
    pub fn close_ended(&mut self, now: i64) -> Vec<Closed> {
        let ended = self.books.iter().filter(|(_, book)| book.end() <= now).map(|(id, _)| id.clone());
        ended.collect::<Vec<_>>().iter().filter_map(|id| self.close(id, now)).collect()
    }

    /// Closes all, whether ended or not.
    pub fn close_all(&mut self, now: i64) -> Vec<Closed> {
        let all: Vec<FlowLogId> = self.books.keys().cloned().collect();
        all.iter().filter_map(|id| self.close(id, now)).collect()
    }

    fn close(&mut self, id: &FlowLogId, now: i64) -> Option<Closed> {
        let book = self.books.get_mut(id)?;
        let from = std::mem::replace(&mut book.from, now);
        let subjects = self.scene.subjects().iter().filter(|subject| book.is_of(subject)).cloned().collect();
        Some(Closed {
            spec: book.spec.clone(),
            from,
            to: now.max(from),
            seen: book.table.close(),
            subjects,
            blind: std::mem::take(&mut book.blind),
            lost: std::mem::take(&mut book.lost),
            cut_off: std::mem::take(&mut book.cut_off),
        })
    }

    /// Whether a log of that id is recorded.
    pub fn has(&self, id: &FlowLogId) -> bool {
        self.books.contains_key(id)
    }

    /// Whether these are the logs that are recorded.
    pub fn are(&self, logs: &[FlowLogSpec]) -> bool {
        let is = |spec: &FlowLogSpec| self.books.get(&spec.id).is_some_and(|book| book.spec == *spec);
        self.books.len() == logs.len() && logs.iter().all(is)
    }

    fn each(&mut self, sighting: &Sighting, count: fn(&mut Table, &Sighting)) {
        let (subject, action) = (&sighting.subject, sighting.flow.action);
        for book in self.books.values_mut().filter(|book| book.records(subject, action)) {
            count(&mut book.table, sighting);
        }
    }
}

impl Book {
    fn new(spec: &FlowLogSpec, bounds: Bounds, from: i64) -> Self {
        let (table, blind) = (Table::new(bounds), BTreeSet::new());
        Self { spec: spec.clone(), table, from, lost: 0, blind, cut_off: false }
    }

    /// Intervals end where all of their length do, so that records of several logs fit together.
    fn end(&self) -> i64 {
        let length = i64::from(self.spec.aggregation_seconds.max(1));
        (self.from.div_euclid(length) + 1) * length
    }

    fn records(&self, subject: &Subject, action: Action) -> bool {
        self.takes(action) && self.is_of(subject)
    }

    fn takes(&self, action: Action) -> bool {
        match action {
            Action::Accept => self.spec.traffic.accepted(),
            Action::Reject => self.spec.traffic.refused(),
        }
    }

    fn is_of(&self, subject: &Subject) -> bool {
        match &self.spec.scope {
            FlowLogScope::Vpc => true,
            FlowLogScope::Subnet(id) => *id == subject.subnet_id,
            FlowLogScope::Interface(id) => *id == subject.id,
        }
    }
}
