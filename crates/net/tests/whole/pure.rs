//! The analyser against the model, over many random networks.

use cumulet_model::security::PortRange;
use cumulet_ports::network::NetworkSpec;
use cumulet_reach::{Analysis, Asked, Endpoint, Outside, Question, Sieve, analyse};
use proptest::prelude::*;

use crate::model::{Holder, Kind, Model, Surroundings};
use crate::random::{Dice, Parts, Sender, Trial, network, trial};

/// What the analyser says to a trial.
pub fn analysed(spec: &NetworkSpec, outside: &Outside, trial: &Trial) -> Analysis {
    let flow = trial.flow;
    let one = |port| PortRange { first: port, last: port };
    let with_ports = flow.kind != Kind::Ping;
    let source = match trial.sender {
        Sender::Guest(vpc, at) => Endpoint::Interface(spec.vpcs[vpc].interfaces[at].id.clone()),
        Sender::Outside => Endpoint::Address(flow.from.0),
    };
    let at_source = Sieve {
        source: Some(flow.from.0),
        source_ports: with_ports.then(|| one(flow.from.1)),
        destination: Some(flow.to.0),
        destination_ports: with_ports.then(|| one(flow.to.1)),
    };
    let asked = match flow.kind {
        Kind::Tcp => Asked::Tcp,
        Kind::Udp => Asked::Udp,
        Kind::Ping => Asked::Ping,
    };
    let question = Question { source, destination: None, asked, at_source, at_destination: Sieve::default() };
    analyse(spec, outside, &question)
}

/// What the model says to it.
pub fn modelled(spec: &NetworkSpec, surroundings: &Surroundings, trial: &Trial) -> bool {
    let start = match trial.sender {
        Sender::Guest(vpc, at) => Holder::Guest(&spec.vpcs[vpc], &spec.vpcs[vpc].interfaces[at]),
        Sender::Outside => Holder::World,
    };
    Model { spec, surroundings }.works(start, trial.flow)
}

/// What the test's world is like outside, as the one and the other says it.
pub fn outside() -> (Outside, Surroundings) {
    let pools: Vec<ipnet::IpNet> = vec!["198.18.0.0/24".parse().unwrap(), "fd00:c0de::/48".parse().unwrap()];
    let outside = Outside { pools: pools.clone(), refused: vec![], allowed: vec![] };
    (outside, Surroundings { pools, refused: vec![] })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_analyser_says_what_the_documentation_says(seed: u64) {
        let mut dice = Dice(seed);
        let spec = network(&mut dice, Parts::ALL);
        let (outside, surroundings) = outside();
        for n in 0..100 {
            let Some(trial) = trial(&mut dice, &spec, 40000 + n) else { continue };
            let analysis = analysed(&spec, &outside, &trial);
            let expected = modelled(&spec, &surroundings, &trial);
            prop_assert_eq!(
                analysis.reachable, expected,
                "seed {}: {:?}: {:#?}", seed, trial, analysis.explanations
            );
            prop_assert_eq!(analysis.reachable, analysis.explanations.is_empty());
        }
    }
}

#[test]
fn a_good_part_of_random_flows_gets_through() {
    let (mut passed, mut all) = (0, 0);
    let (_, surroundings) = outside();
    for seed in 0..50 {
        let mut dice = Dice(seed);
        let spec = network(&mut dice, Parts::ALL);
        for trial in (0..100).filter_map(|n| trial(&mut dice, &spec, 40000 + n)) {
            all += 1;
            passed += usize::from(modelled(&spec, &surroundings, &trial));
        }
    }
    println!("{passed} of {all} random flows get through");
    assert!(passed * 5 > all && passed * 5 < all * 4, "{passed} of {all}");
}
