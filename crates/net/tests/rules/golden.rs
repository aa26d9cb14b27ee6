//! The firewall of a small VPC, word for word: what it says is looked at when it changes.

use cumulet_model::MacAddr;
use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};
use cumulet_net::firewall::{Ruleset, diff, vpc::render};
use cumulet_net::ipset::{self, Sets};
use cumulet_ports::network::{GroupSpec, InterfaceSpec, SubnetSpec, VpcSpec};

fn small() -> VpcSpec {
    let web = "sg-0000000000000aaaa";
    let cidr = |text: &str| Peer::Cidr(text.parse().unwrap());
    let tcp = |port, peer| RuleSpec { traffic: Traffic::Tcp(PortRange { first: port, last: port }), peer };
    let all = |peer| RuleSpec { traffic: Traffic::All, peer };
    VpcSpec {
        subnets: vec![SubnetSpec::new(
            "subnet-00000000000000001".parse().unwrap(),
            "172.31.0.0/20".parse().unwrap(),
        )],
        groups: vec![GroupSpec {
            id: web.parse().unwrap(),
            ingress: vec![
                tcp(22, cidr("10.0.0.0/8")),
                tcp(22, cidr("192.0.2.7/32")),
                tcp(80, cidr("0.0.0.0/0")),
                all(Peer::Group(web.parse().unwrap())),
            ],
            egress: vec![all(cidr("0.0.0.0/0"))],
        }],
        interfaces: vec![InterfaceSpec {
            id: "eni-0000000000000bbbb".parse().unwrap(),
            instance_id: "i-00000000000000001".parse().unwrap(),
            subnet_id: "subnet-00000000000000001".parse().unwrap(),
            mac: MacAddr([2, 0, 172, 31, 0, 5]),
            private_ip: "172.31.0.5".parse().unwrap(),
            public_ip: Some("198.18.0.9".parse().unwrap()),
            secondary: vec![],
            ipv6: vec![],
            groups: vec![web.parse().unwrap()],
            source_dest_check: true,
            host_name: "ip-172-31-0-5".into(),
            queues: 1,
        }],
        ..VpcSpec::open("vpc-0123456789abcdef0".parse().unwrap(), "172.31.0.0/16".parse().unwrap())
    }
}

#[test]
fn the_rules_of_a_small_vpc() {
    let restore = diff::changes(&Ruleset::default(), &render(&small()).v4).restore;
    assert_eq!(restore, include_str!("small.rules"));
}

#[test]
fn the_sets_of_a_small_vpc() {
    let changes = ipset::changes(&Sets::default(), &render(&small()).sets);
    assert_eq!(changes.before, include_str!("small.sets"));
}
