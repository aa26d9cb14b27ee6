//! A closed interval as records: those of flows, then for interfaces without traffic that there was none, and for those of
//! which not all was recorded that this is so.

use std::collections::HashSet;

use cumulet_model::VpcId;
use cumulet_model::place::Region;

use super::books::Closed;
use super::log::Counts;
use super::record::{Place, Told, write};
use super::scene::Subject;

/// Where a VPC is.
#[derive(Debug, Clone)]
pub struct Site {
    /// The VPC.
    pub vpc: VpcId,
    /// The region.
    pub region: Region,
}

/// The records of an interval, each a line, and what was not recorded.
pub fn records(site: &Site, closed: &Closed) -> (String, Counts) {
    let mut out = String::new();
    let mut put = |subject: &Subject, told: Told<'_>| {
        let zone = closed.spec.zones.iter().find(|(subnet, _)| *subnet == subject.subnet_id);
        let place = Place {
            account: &closed.spec.account,
            region: &site.region.name,
            vpc: site.vpc.as_str(),
            zone: zone.map(|(_, zone)| zone.as_str()),
        };
        write(&mut out, &closed.spec.format, &place, subject, told);
    };
    let (from, to) = (closed.from, closed.to);
    let all_skip = closed.lost > 0 || closed.cut_off;
    let mut told = HashSet::new();
    for seen in &closed.seen {
        for (flow, count) in &seen.flows {
            put(&seen.subject, Told::Flow(flow, count));
        }
        let skips = seen.skipped > 0 || all_skip || closed.blind.contains(&seen.subject);
        if skips {
            put(&seen.subject, Told::SkipData(from, to));
        }
        if skips || !seen.flows.is_empty() {
            told.insert(&seen.subject.id);
        }
    }
    for subject in closed.subjects.iter().filter(|subject| !told.contains(&subject.id)) {
        let skips = all_skip || closed.blind.contains(subject);
        put(subject, if skips { Told::SkipData(from, to) } else { Told::NoData(from, to) });
    }
    let skipped_packets = closed.seen.iter().fold(0u64, |sum, seen| sum.saturating_add(seen.skipped));
    let counts = Counts {
        skipped_packets,
        lost_messages: closed.lost,
        cut_off: closed.cut_off.into(),
        ..Counts::default()
    };
    (out, counts)
}
