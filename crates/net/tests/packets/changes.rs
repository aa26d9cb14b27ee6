//! Changes one after the other, each made by what it changes alone: they lead where looking at it all leads.

use cumulet_net::names;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::guest::connect_in;
use crate::world::{World, all, cidr, interface, members, sh, story, tcp};

/// Something that somebody asks for.
#[derive(Debug, Clone)]
enum Wish {
    Launch { n: u8, groups: Vec<u8>, public: bool },
    Terminate { which: usize },
    Groups { which: usize, groups: Vec<u8> },
    Public { which: usize },
    SourceCheck { which: usize },
    Authorize { group: u8, port: u16, peer: u8 },
    Revoke { group: u8, which: usize },
}

fn wish() -> impl Strategy<Value = Wish> {
    let groups = || proptest::collection::btree_set(1..5u8, 1..4).prop_map(|set| set.into_iter().collect());
    prop_oneof![
        4 => (4..99u8, groups(), any::<bool>()).prop_map(|(n, groups, public)| Wish::Launch { n, groups, public }),
        2 => any::<usize>().prop_map(|which| Wish::Terminate { which }),
        2 => (any::<usize>(), groups()).prop_map(|(which, groups)| Wish::Groups { which, groups }),
        1 => any::<usize>().prop_map(|which| Wish::Public { which }),
        1 => any::<usize>().prop_map(|which| Wish::SourceCheck { which }),
        3 => (1..5u8, 1..4u16, 0..9u8).prop_map(|(group, port, peer)| Wish::Authorize { group, port, peer }),
        2 => (1..5u8, any::<usize>()).prop_map(|(group, which)| Wish::Revoke { group, which }),
    ]
}

fn public(n: u8) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::new(198, 18, 0, n)
}

fn fulfil(world: &mut World, wish: &Wish) {
    let interfaces = &mut world.vpc().interfaces;
    let count = interfaces.len();
    match wish {
        Wish::Launch { n, groups, public: is_public } => {
            let mut new = interface(*n, groups);
            new.public_ip = is_public.then(|| public(*n));
            interfaces.retain(|other| other.id != new.id);
            interfaces.push(new);
        }
        Wish::Terminate { which } if count > 0 => drop(interfaces.remove(which % count)),
        Wish::Groups { which, groups } if count > 0 => {
            interfaces[which % count].groups = interface(4, groups).groups;
        }
        Wish::Public { which } if count > 0 => {
            let chosen = &mut interfaces[which % count];
            let own = public(chosen.private_ip.octets()[3]);
            chosen.public_ip = chosen.public_ip.is_none().then_some(own);
        }
        Wish::SourceCheck { which } if count > 0 => {
            let chosen = &mut interfaces[which % count];
            chosen.source_dest_check = !chosen.source_dest_check;
        }
        Wish::Authorize { group, port, peer } => {
            let peer = if *peer < 5 { members(1 + peer % 4) } else { cidr(&format!("10.{peer}.0.0/16")) };
            world.group(*group).ingress.push(tcp(*port, peer));
        }
        Wish::Revoke { group, which } => {
            let rules = &mut world.group(*group).ingress;
            if !rules.is_empty() {
                rules.remove(which % rules.len());
            }
        }
        _ => {}
    }
}

#[test]
fn many_changes_one_by_one_lead_where_looking_at_it_all_leads() {
    story("many_changes_one_by_one_lead_where_looking_at_it_all_leads", |mut world: World| async {
        let mut runner =
            TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
        let wishes = proptest::collection::vec(wish(), 150).new_tree(&mut runner).unwrap().current();
        for n in 1..5 {
            world.group(n);
        }
        world.apply().await;
        for (n, wish) in wishes.iter().enumerate() {
            fulfil(&mut world, wish);
            world.apply().await;
            if n % 10 == 9 {
                assert_eq!(world.apply().await, Vec::<String>::new(), "after {:#?}", &wishes[n - 9..=n]);
            }
        }
        world.restart();
        assert_eq!(world.apply().await, Vec::<String>::new(), "a new daemon");
        world
    });
}

#[test]
fn a_change_after_somebody_altered_things_leads_to_what_is_wanted_all_the_same() {
    let name = "a_change_after_somebody_altered_things_leads_to_what_is_wanted_all_the_same";
    story(name, |mut world: World| async {
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        guest.serve(80).await;
        let vpc = names::vpc_namespace(&world.config.tag, &world.spec.vpcs[0].id);
        let damages =
            ["sh -c 'iptables -F; iptables -X; iptables -t nat -F; ipset destroy'", "ip link del igw"];
        for (damage, n) in damages.into_iter().zip(20..) {
            sh(&world.host, format!("ip netns exec {vpc} {damage}")).await;
            // A change that the rules and sets which went stand in the way of, and one more that finds the rest.
            world.group(1).ingress.push(tcp(n, members(1)));
            world.group(1).egress.push(tcp(n, cidr("10.0.0.0/8")));
            world.vpc().interfaces.push(interface(n as u8, &[1]));
            world.apply().await;
            world.apply().await;
            assert!(connect_in(&world.host, public(9), 80).await.is_some(), "{damage}");
            assert_eq!(world.apply().await, Vec::<String>::new(), "{damage}");
        }
        world
    });
}

#[test]
fn a_change_touches_what_it_changes_alone() {
    story("a_change_touches_what_it_changes_alone", |mut world: World| async {
        world.group(1);
        for n in 10..60 {
            world.vpc().interfaces.push(interface(n, &[1]));
        }
        world.apply().await;
        world.group(1).ingress.push(tcp(80, cidr("10.0.0.0/8")));
        let changes = world.apply().await;
        assert_eq!(changes.len(), 2, "a set and a chain: {changes:#?}");
        world.group(1).ingress.push(tcp(80, cidr("11.0.0.0/8")));
        let changes = world.apply().await;
        assert_eq!(changes.len(), 1, "an element of that set: {changes:#?}");
        world
    });
}
