//! Trying the packets that a question can be about.

use crate::candidates::{self, Ends, Origin, Target};
use crate::topology::Net;
use crate::walk::{Arrival, Walk};
use crate::{Analysis, Code, Component, Explanation, Outside, Packet, Question, Sieve, Way};
use cumulet_ports::network::NetworkSpec;

/// How many packets are tried at most.
const MOST_TRIES: usize = 4096;

/// Which way the traffic of `question` takes through the network `spec`, or what stops it.
pub fn analyse(spec: &NetworkSpec, outside: &Outside, question: &Question) -> Analysis {
    let net = Net::of(spec, outside);
    let ends = match candidates::ends(&net, question) {
        Ok(ends) => ends,
        Err(explanation) => return Analysis { explanations: vec![*explanation], ..Analysis::default() },
    };
    let tries = ends.iter().flat_map(|ends| {
        let protocols = candidates::protocols(&net, question, ends);
        protocols.into_iter().map(move |protocol| {
            (ends, Packet { source: ends.source, destination: ends.destination, protocol })
        })
    });
    let mut best: Option<Analysis> = None;
    for (ends, packet) in tries.take(MOST_TRIES) {
        let tried = follow(&net, question, ends, packet);
        if tried.reachable {
            return with_warnings(&net, question, ends, tried);
        }
        if best.as_ref().is_none_or(|best| tried.explanations.len() < best.explanations.len()) {
            best = Some(tried);
        }
    }
    let mut answer = best.unwrap_or_default();
    answer.hints = hints(&net, &answer, ends.first());
    answer
}

/// One packet there and its answer back.
fn follow(net: &Net<'_>, question: &Question, ends: &Ends<'_>, packet: Packet) -> Analysis {
    let mut walk = Walk::new(net);
    let arrival = match ends.origin {
        Origin::Interface(vpc, interface) => walk.begin_inside(vpc, interface, packet),
        Origin::Outside => walk.begin_outside(packet),
    };
    let place = check_arrival(&mut walk, ends, &arrival, question, packet);
    if place {
        walk.turn();
        go_back(&mut walk, ends, &arrival, packet);
    }
    let [forward, back] = walk.hops;
    Analysis {
        reachable: walk.faults.is_empty(),
        packet: Some(packet),
        forward,
        back,
        explanations: walk.faults,
        hints: vec![],
        warnings: walk
            .forwarders
            .iter()
            .map(|id| format!("{id} is taken to forward, and to masquerade what leaves the VPC"))
            .collect(),
    }
}

/// Whether the packet came to where it should; notes why not.
fn check_arrival(
    walk: &mut Walk<'_, '_>,
    ends: &Ends<'_>,
    arrival: &Arrival<'_>,
    question: &Question,
    packet: Packet,
) -> bool {
    let (fits, arrived) = match (arrival, &ends.target) {
        (Arrival::Lost, _) => return false,
        (Arrival::Service, Target::Anyone) => (true, packet),
        (Arrival::Interface(_, at, arrived), Target::Interface(wanted)) => (at.id == wanted.id, *arrived),
        (Arrival::Interface(_, _, arrived), Target::Anyone) => (true, *arrived),
        (Arrival::Outside(vpc, arrived), Target::Gateway(wanted)) => (walk.is_vpc(*vpc, wanted), *arrived),
        (Arrival::Outside(_, arrived), Target::Anyone) => (true, *arrived),
        _ => (false, packet),
    };
    if !fits {
        let component = Component::Outside(packet.destination);
        walk.faults.push(Explanation {
            packet: Some(packet),
            ..Explanation::new(Code::NoPath, component, Way::Forward)
        });
        return false;
    }
    for code in unfit(&question.at_destination, arrived) {
        let component = Component::Outside(arrived.destination);
        walk.faults
            .push(Explanation { packet: Some(arrived), ..Explanation::new(code, component, Way::Forward) });
    }
    true
}

fn go_back<'a>(walk: &mut Walk<'_, 'a>, ends: &Ends<'_>, arrival: &Arrival<'a>, packet: Packet) {
    let (arrived, back) = match arrival {
        Arrival::Interface(vpc, interface, arrived) => match arrived.answer() {
            Some(answer) => (*arrived, walk.answer_from(*vpc, interface, answer)),
            None => return,
        },
        Arrival::Outside(_, arrived) => match arrived.answer() {
            Some(answer) => (*arrived, walk.begin_outside(answer)),
            None => return,
        },
        Arrival::Service | Arrival::Lost => return,
    };
    let home = match (&back, ends.origin) {
        (Arrival::Lost, _) => return,
        (Arrival::Interface(_, at, answer), Origin::Interface(_, from)) => {
            at.id == from.id && answer.destination == packet.source
        }
        (Arrival::Outside(_, answer), Origin::Outside) => answer.destination == packet.source,
        _ => false,
    };
    if !home {
        let component = Component::Outside(packet.source);
        walk.faults.push(Explanation {
            packet: Some(arrived),
            ..Explanation::new(Code::NoPath, component, Way::Back)
        });
    }
}

/// What of a packet that arrives does not fit the sieve.
fn unfit(sieve: &Sieve, packet: Packet) -> Vec<Code> {
    let ports = packet.protocol.ports();
    let mut codes = Vec::new();
    if sieve.source.is_some_and(|wanted| wanted != packet.source) {
        codes.push(Code::AtDestinationSource);
    }
    if sieve.destination.is_some_and(|wanted| wanted != packet.destination) {
        codes.push(Code::AtDestinationAddress);
    }
    if let Some((source, destination)) = ports {
        if sieve.source_ports.is_some_and(|wanted| !wanted.contains(source)) {
            codes.push(Code::AtDestinationSourcePort);
        }
        if sieve.destination_ports.is_some_and(|wanted| !wanted.contains(destination)) {
            codes.push(Code::AtDestinationPort);
        }
    }
    codes
}

/// Says from which source ports the way that was found is none.
fn with_warnings(net: &Net<'_>, question: &Question, ends: &Ends<'_>, mut found: Analysis) -> Analysis {
    let Some((_, port)) = found.packet.and_then(|packet| packet.protocol.ports()) else { return found };
    let protocols = candidates::protocols(net, question, ends);
    let alike = protocols.into_iter().filter(|p| p.ports().is_some_and(|(_, to)| to == port));
    let fails = alike.filter(|protocol| {
        let packet = Packet { source: ends.source, destination: ends.destination, protocol: *protocol };
        !follow(net, question, ends, packet).reachable
    });
    let failing: Vec<String> =
        fails.filter_map(|p| p.ports()).map(|(from, _)| from.to_string()).take(8).collect();
    if !failing.is_empty() {
        let ports = failing.join(", ");
        found.warnings.push(format!("not from all source ports: stopped from {ports} on"));
    }
    found
}

/// Gateways of the source's VPC, where it is the way out that is missing.
fn hints(net: &Net<'_>, answer: &Analysis, ends: Option<&Ends<'_>>) -> Vec<Component> {
    let codes = [Code::NoRoute, Code::BadStateRoute, Code::NoPublicEgress];
    let Some(Ends { origin: Origin::Interface(vpc, _), .. }) = ends else { return vec![] };
    if !answer.explanations.iter().any(|explanation| codes.contains(&explanation.code)) {
        return vec![];
    }
    let spec = net.vpcs[*vpc].spec;
    let internet = spec.internet_gateway.then(|| Component::InternetGateway(spec.id.clone()));
    let nats = spec.nat_gateways.iter().map(|nat| Component::NatGateway(nat.id.clone()));
    internet.into_iter().chain(nats).collect()
}
