//! Holding an answer against what the kernel holds: the legs of its way to be walked there, and what came of it.

use std::fmt;

use cumulet_ports::network::NetworkSpec;
use cumulet_ports::walk::{Leg, LegEnd, LegStart, Step, Walked};

use crate::{Analysis, Component, Hop, Packet};

/// What the kernel does with the packet that was analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// What it does.
    pub kernel: Kernel,
    /// Whether that is what the analysis says; `None` where it can't be told.
    pub agrees: Option<bool>,
    /// What decided: the last step of the leg that ended otherwise than a way that is open would.
    pub decided: Option<Step>,
    /// All steps, in order.
    pub steps: Vec<Step>,
}

/// What the kernel does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Lets it through, and its answer back.
    Passes,
    /// Stops one of them, or leads it elsewhere.
    Stops,
    /// Holds something that can't be told without sending the packet.
    Unknown,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passes => "passes",
            Self::Stops => "stops",
            Self::Unknown => "unknown",
        })
    }
}

/// A leg and where it would end.
struct Planned {
    leg: Leg,
    end: Option<(LegEnd, Packet)>,
}

/// The legs of the way that was analysed, there and back.
pub fn legs(spec: &NetworkSpec, analysis: &Analysis) -> Vec<Leg> {
    planned(spec, analysis).into_iter().map(|planned| planned.leg).collect()
}

fn planned(spec: &NetworkSpec, analysis: &Analysis) -> Vec<Planned> {
    let mut all: Vec<Planned> = Vec::new();
    for hop in analysis.forward.iter().chain(&analysis.back) {
        match (hop.inbound, hop.outbound) {
            (None, Some(packet)) => {
                let from = start_of(spec, hop);
                all.extend(from.map(|from| Planned { leg: Leg { from, packet }, end: None }));
            }
            (Some(packet), None) => {
                if let (Some(last), Some(end)) = (all.last_mut(), end_of(hop)) {
                    last.end = Some((end, packet));
                }
            }
            _ => {}
        }
    }
    all
}

fn start_of(spec: &NetworkSpec, hop: &Hop) -> Option<LegStart> {
    match &hop.component {
        Component::Interface(id) => spec.vpcs.iter().find_map(|vpc| {
            let interface = vpc.interfaces.iter().find(|interface| interface.id == *id)?;
            Some(LegStart::Interface { vpc: vpc.id.clone(), id: id.clone(), mac: interface.mac })
        }),
        Component::Outside(_) => Some(LegStart::Outside),
        _ => None,
    }
}

fn end_of(hop: &Hop) -> Option<LegEnd> {
    match &hop.component {
        Component::Interface(id) => Some(LegEnd::Interface(id.clone())),
        Component::Service(_) => Some(LegEnd::Router),
        Component::Outside(_) => Some(LegEnd::Outside),
        _ => None,
    }
}

/// What came of walking the legs that [`legs`] gave.
pub fn compare(spec: &NetworkSpec, analysis: &Analysis, walked: &[Walked]) -> Comparison {
    let steps = walked.iter().flat_map(|leg| leg.steps.clone()).collect();
    let mut kernel = Kernel::Passes;
    let mut decided = None;
    let planned = planned(spec, analysis);
    if planned.is_empty() {
        return Comparison { kernel: Kernel::Unknown, agrees: None, decided, steps };
    }
    for (planned, walked) in planned.iter().zip(walked) {
        let ended_well = planned.end.as_ref().is_some_and(|(end, packet)| {
            let same = *packet == walked.packet || !matches!(end, LegEnd::Interface(_));
            *end == walked.end && same
        });
        if !ended_well {
            kernel = if walked.end == LegEnd::Unknown { Kernel::Unknown } else { Kernel::Stops };
            decided = walked.steps.last().cloned();
            break;
        }
    }
    let agrees = match kernel {
        Kernel::Passes => Some(analysis.reachable),
        Kernel::Stops => Some(!analysis.reachable),
        Kernel::Unknown => None,
    };
    Comparison { kernel, agrees, decided, steps }
}
