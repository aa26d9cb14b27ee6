//! The classic exercise: a public and a private subnet, an internet gateway, a NAT gateway, a bastion; and what stops a
//! packet when something is missing.

mod exercise;

use cumulet_model::security::Direction;
use cumulet_ports::network::RouteTarget;
use cumulet_reach::{Asked, Code, Component, Endpoint, HopRule, Way, analyse};
use exercise::{Exercise, eni, group, instance, port, tcp};

fn codes(analysis: &cumulet_reach::Analysis) -> Vec<&'static str> {
    analysis.explanations.iter().map(|explanation| explanation.code.as_str()).collect()
}

#[test]
fn the_bastion_is_reached_from_the_internet_and_every_hop_is_told() {
    let exercise = Exercise::new();
    let analysis = exercise.ask(exercise.internet(), Some(Endpoint::Instance(instance(1))), 22);
    assert!(analysis.reachable, "{analysis:#?}");
    let hops: Vec<String> = analysis.forward.iter().map(|hop| hop.component.to_string()).collect();
    assert_eq!(
        hops,
        [
            "outside, 203.0.113.1",
            "internet gateway of vpc-00000001",
            "network ACL of subnet-00000001",
            "security group sg-00000001",
            "interface eni-00000001",
            "instance i-00000001",
        ]
    );
    let gateway = &analysis.forward[1];
    assert_eq!(gateway.inbound.unwrap().destination.to_string(), "198.18.0.10");
    assert_eq!(gateway.outbound.unwrap().destination.to_string(), "10.0.0.4");
    let back: Vec<String> = analysis.back.iter().map(|hop| hop.component.to_string()).collect();
    assert!(back.contains(&"route table rtb-00000001".to_owned()), "{back:?}");
}

#[test]
fn the_private_instance_reaches_out_and_is_not_reached_but_by_the_bastion() {
    let exercise = Exercise::new();
    let out = exercise.ask(Endpoint::Instance(instance(2)), Some(exercise.internet()), 443);
    assert!(out.reachable, "{out:#?}");
    let nat = Component::NatGateway("nat-00000001".parse().unwrap());
    assert!(out.forward.iter().any(|hop| hop.component == nat));
    assert!(out.back.iter().any(|hop| hop.component == nat));
    let in_ = exercise.ask(exercise.internet(), Some(Endpoint::Instance(instance(2))), 22);
    assert_eq!(codes(&in_), ["IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"]);
    let by = exercise.ask(Endpoint::Instance(instance(1)), Some(Endpoint::Instance(instance(2))), 22);
    assert!(by.reachable, "{by:#?}");
}

#[test]
fn all_that_stops_it_is_found_at_once_with_the_very_entry() {
    let mut exercise = Exercise::new();
    exercise.vpc().groups[1].ingress.clear();
    exercise.deny_in(2, 80, 22);
    let analysis = exercise.ask(Endpoint::Instance(instance(1)), Some(Endpoint::Instance(instance(2))), 22);
    assert_eq!(codes(&analysis), ["SUBNET_ACL_RESTRICTION", "ENI_SG_RULES_MISMATCH"]);
    let Some(HopRule::Acl(hit)) = &analysis.explanations[0].rule else { panic!("{analysis:#?}") };
    assert_eq!((hit.entry.as_ref().unwrap().number, hit.direction), (80, Direction::Ingress));
    assert_eq!(analysis.explanations[1].groups, [group(2)]);
    assert_eq!(analysis.explanations[1].interface, Some(eni(2)));
}

#[test]
fn an_acl_that_lets_the_request_through_and_not_the_answer_stops_it_on_the_way_back() {
    let mut exercise = Exercise::new();
    exercise.only_out(2, 443);
    let analysis = exercise.ask(Endpoint::Instance(instance(1)), Some(Endpoint::Instance(instance(2))), 22);
    assert_eq!(codes(&analysis), ["SUBNET_ACL_RESTRICTION"]);
    assert_eq!(analysis.explanations[0].way, Way::Back);
    assert_eq!(analysis.explanations[0].direction, Some(Direction::Egress));
}

#[test]
fn routes_that_are_missing_or_dead_are_named() {
    let mut exercise = Exercise::new();
    exercise.vpc().nat_gateways.clear();
    let ask =
        |exercise: &Exercise| exercise.ask(Endpoint::Instance(instance(2)), Some(exercise.internet()), 443);
    let dead = ask(&exercise);
    assert_eq!(codes(&dead), ["BAD_STATE_ROUTE"]);
    assert_eq!(dead.explanations[0].component, Component::RouteTable("rtb-00000002".parse().unwrap()));
    assert_eq!(dead.hints, [Component::InternetGateway("vpc-00000001".parse().unwrap())]);
    exercise.vpc().route_tables[1].routes.clear();
    assert_eq!(codes(&ask(&exercise)), ["NO_ROUTE_TO_DESTINATION"]);
    exercise.vpc().route_tables[1].routes.push(exercise::default_route(RouteTarget::InternetGateway));
    assert_eq!(codes(&ask(&exercise)), ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]);
}

#[test]
fn a_nat_instance_forwards_only_without_its_check() {
    let mut exercise = Exercise::new();
    exercise.vpc().route_tables[1].routes = vec![exercise::default_route(RouteTarget::Interface(eni(1)))];
    exercise.vpc().groups[0].ingress.push(exercise::anything("10.0.0.0/16"));
    let ask =
        |exercise: &Exercise| exercise.ask(Endpoint::Instance(instance(2)), Some(exercise.internet()), 443);
    assert_eq!(codes(&ask(&exercise)), ["ENI_SOURCE_DEST_CHECK_RESTRICTION"]);
    exercise.vpc().interfaces[0].source_dest_check = false;
    let through = ask(&exercise);
    assert!(through.reachable, "{through:#?}");
    assert!(through.warnings[0].contains("eni-00000001"));
}

#[test]
fn the_vpcs_own_services_are_reached_whatever_groups_and_acls_say() {
    let mut exercise = Exercise::new();
    exercise.vpc().groups[1].egress.clear();
    exercise.deny_in(2, 1, 80);
    let metadata = Endpoint::Address("169.254.169.254".parse().unwrap());
    assert!(exercise.ask(Endpoint::Instance(instance(2)), Some(metadata.clone()), 80).reachable);
    let other = exercise.ask(Endpoint::Instance(instance(2)), Some(metadata), 22);
    assert_eq!(codes(&other), ["PROTOCOL_RESTRICTION"]);
}

#[test]
fn without_a_port_the_one_that_is_open_is_found() {
    let exercise = Exercise::new();
    let question = cumulet_reach::Question {
        source: exercise.internet(),
        destination: Some(Endpoint::Interface(eni(1))),
        asked: Asked::Tcp,
        at_source: Default::default(),
        at_destination: Default::default(),
    };
    let analysis = analyse(&exercise.spec, &exercise.outside, &question);
    assert_eq!(analysis.packet.unwrap().protocol.ports().unwrap().1, 22);
}

#[test]
fn filters_at_the_destination_are_held_to() {
    let exercise = Exercise::new();
    let mut question = tcp(exercise.internet(), Some(Endpoint::Interface(eni(1))), 22);
    question.at_destination.destination = Some("10.0.0.4".parse().unwrap());
    assert!(analyse(&exercise.spec, &exercise.outside, &question).reachable);
    question.at_destination.destination_ports = Some(port(80));
    let analysis = analyse(&exercise.spec, &exercise.outside, &question);
    assert_eq!(codes(&analysis), ["FILTER_AT_DESTINATION_DESTINATION_PORT_RANGE"]);
}

#[test]
fn an_instance_that_does_not_run_is_in_a_bad_state() {
    let exercise = Exercise::new();
    let analysis = exercise.ask(Endpoint::Instance(instance(9)), Some(exercise.internet()), 80);
    assert_eq!(analysis.explanations[0].code, Code::BadState);
}
