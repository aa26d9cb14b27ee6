//! Security groups, held between real guests and changed while they run.

use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};
use cumulet_ports::network::PrefixListSpec;

use crate::world::{World, all, cidr, interface, members, secondary, story, tcp, to_all};

#[test]
fn neighbours_in_a_subnet_meet_only_as_their_groups_allow() {
    story("neighbours_in_a_subnet_meet_only_as_their_groups_allow", |mut world: World| async {
        world.group(1).ingress.push(all(members(1)));
        world.group(2);
        let (a, b, stranger) =
            (world.launch(5, &[1]).await, world.launch(6, &[1]).await, world.launch(7, &[2]).await);
        assert!(a.pings(b.ip).await && b.pings(a.ip).await, "members of a group that admits itself");
        assert!(!stranger.pings(a.ip).await, "a stranger");
        assert!(a.pings(a.ip).await);
        assert!(!a.pings(stranger.ip).await, "a group that admits nobody");
        world
    });
}

#[test]
fn a_port_is_opened_and_closed_while_the_guest_runs() {
    story("a_port_is_opened_and_closed_while_the_guest_runs", |mut world: World| async {
        world.group(1);
        let (server, client) = (world.launch(5, &[1]).await, world.launch(100 + 6, &[1]).await);
        server.serve(80).await;
        assert!(client.is_refused(server.ip, 80).await);
        world.group(1).ingress.push(tcp(80, cidr("172.31.16.0/20")));
        world.apply().await;
        let mut open = client.connect(server.ip, 80).await.expect("authorized");
        assert_eq!(open.seen_as.ip(), client.ip);
        assert!(client.is_refused(server.ip, 81).await, "another port");
        world.group(1).ingress.clear();
        world.apply().await;
        assert!(client.is_refused(server.ip, 80).await, "revoked");
        assert!(open.is_alive(), "a connection that was allowed goes on, as on EC2");
        world
    });
}

#[test]
fn a_reference_to_a_group_follows_its_members() {
    story("a_reference_to_a_group_follows_its_members", |mut world: World| async {
        world.group(1).ingress.push(tcp(80, members(2)));
        world.group(2);
        let server = world.launch(5, &[1]).await;
        server.serve(80).await;
        let client = world.launch(6, &[1]).await;
        assert!(client.is_refused(server.ip, 80).await);
        world.vpc().interfaces[1].groups.push(crate::world::group_id(2));
        let changes = world.apply().await;
        assert!(client.connect(server.ip, 80).await.is_some(), "became a member");
        assert!(
            !changes.iter().any(|change| change.contains(&chain_part(1)) || change.contains("FORWARD")),
            "a new member is added to a set, and the rule that names the set is not touched: {changes:#?}"
        );
        world.vpc().interfaces[1].groups.pop();
        world.apply().await;
        assert!(client.is_refused(server.ip, 80).await, "is no member any more");
        world
    });
}

/// What the names of a group's chains begin with.
fn chain_part(group: u8) -> String {
    format!("filter/sg-{}", crate::world::group_id(group).digits())
}

#[test]
fn answers_come_back_through_a_group_that_admits_nobody() {
    story("answers_come_back_through_a_group_that_admits_nobody", |mut world: World| async {
        world.group(1).ingress.extend([
            tcp(80, cidr("0.0.0.0/0")),
            RuleSpec {
                traffic: Traffic::Udp(PortRange { first: 1000, last: 2000 }),
                peer: cidr("172.31.0.0/24"),
            },
        ]);
        world.group(2);
        let (server, client) = (world.launch(5, &[1]).await, world.launch(6, &[2]).await);
        server.serve(80).await;
        server.serve_udp(1500).await;
        server.serve_udp(2001).await;
        assert!(client.connect(server.ip, 80).await.is_some(), "TCP");
        assert!(client.udp_echo(client.ip, server.ip, 1500).await, "UDP");
        assert!(!client.udp_echo(client.ip, server.ip, 2001).await, "a port beyond the range");
        world
    });
}

#[test]
fn what_may_leave_a_guest_is_held_too() {
    story("what_may_leave_a_guest_is_held_too", |mut world: World| async {
        world.group(1).ingress.push(to_all());
        world.group(1).egress = vec![tcp(80, cidr("172.31.0.5/32"))];
        let (a, b) = (world.launch(5, &[1]).await, world.launch(6, &[1]).await);
        a.serve(80).await;
        a.serve(81).await;
        b.serve(80).await;
        assert!(b.connect(a.ip, 80).await.is_some());
        assert!(b.is_refused(a.ip, 81).await, "another port");
        assert!(a.is_refused(b.ip, 80).await, "another address");
        assert!(!b.pings(a.ip).await, "another protocol");
        world.group(1).egress.clear();
        world.apply().await;
        assert!(b.is_refused(a.ip, 80).await, "revoked");
        world
    });
}

#[test]
fn icmp_rules_tell_types_and_codes_apart() {
    story("icmp_rules_tell_types_and_codes_apart", |mut world: World| async {
        let icmp = |icmp_type, code| RuleSpec {
            traffic: Traffic::Icmp { icmp_type, code },
            peer: cidr("0.0.0.0/0"),
        };
        world.group(1).ingress.push(icmp(Some(13), None));
        let (a, b) = (world.launch(5, &[1]).await, world.launch(6, &[1]).await);
        assert!(!b.pings(a.ip).await, "timestamp requests only");
        for allowed in [icmp(Some(8), Some(0)), icmp(Some(8), None), icmp(None, None)] {
            world.group(1).ingress = vec![allowed.clone()];
            world.apply().await;
            assert!(b.pings(a.ip).await, "{allowed:?}");
        }
        world.group(1).ingress = vec![icmp(Some(8), Some(1)), icmp(Some(255), None)];
        world.apply().await;
        assert!(!b.pings(a.ip).await, "another code, and a type that does not exist");
        world.group(1).ingress = vec![RuleSpec { traffic: Traffic::Protocol(0), peer: cidr("0.0.0.0/0") }];
        world.apply().await;
        assert!(!b.pings(a.ip).await, "protocol 0 is not every protocol");
        world
    });
}

#[test]
fn every_kind_of_rule_reads_back_from_the_kernel_as_it_was_written() {
    story("every_kind_of_rule_reads_back_from_the_kernel_as_it_was_written", |mut world: World| async {
        let range = |first, last| PortRange { first, last };
        let mut traffics = vec![Traffic::All];
        for ports in [
            range(0, 65535),
            range(0, 0),
            range(22, 22),
            range(0, 1024),
            range(1024, 65535),
            range(65535, 65535),
        ] {
            traffics.extend([Traffic::Tcp(ports), Traffic::Udp(ports)]);
        }
        for icmp_type in [None, Some(0), Some(3), Some(8), Some(254), Some(255)] {
            for code in [None, Some(0), Some(4), Some(255)] {
                traffics.extend([Traffic::Icmp { icmp_type, code }, Traffic::Icmpv6 { icmp_type, code }]);
            }
        }
        traffics.extend((0..=255).map(Traffic::Protocol));
        let list: cumulet_model::PrefixListId = "pl-00000000000000001".parse().unwrap();
        let prefixes =
            ["10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "fd00::1/128"].map(|text| text.parse().unwrap());
        world.vpc().prefix_lists.push(PrefixListSpec { id: list.clone(), prefixes: prefixes.into() });
        for traffic in traffics {
            let cidr6 = |text: &str| Peer::Cidr6(text.parse().unwrap());
            for peer in [
                cidr("0.0.0.0/0"),
                cidr("10.0.0.1/32"),
                cidr("10.0.0.0/8"),
                cidr6("::/0"),
                cidr6("fd00::1/128"),
                cidr6("2001:db8::/32"),
                Peer::PrefixList(list.clone()),
                members(2),
            ] {
                let rule = RuleSpec { traffic, peer };
                world.group(1).ingress.push(rule.clone());
                world.group(1).egress.push(rule);
            }
        }
        world.group(2);
        let mut dual = interface(5, &[1, 2]);
        dual.ipv6 = vec!["fd00:c0de:0:100::5".parse().unwrap()];
        world.vpc().ipv6_cidrs = vec!["fd00:c0de:0:100::/56".parse().unwrap()];
        world.vpc().subnets[0].ipv6_cidr = Some("fd00:c0de:0:100::/64".parse().unwrap());
        dual.secondary = vec![secondary(25, Some("198.18.0.25"))];
        world.vpc().interfaces.push(dual);
        world.apply().await;
        assert_eq!(world.apply().await, Vec::<String>::new(), "applied once more");
        world
    });
}

#[test]
fn a_prefix_list_is_a_set_that_rules_refer_to_and_that_changes_alone() {
    story("a_prefix_list_is_a_set_that_rules_refer_to_and_that_changes_alone", |mut world: World| async {
        let list: cumulet_model::PrefixListId = "pl-00000000000000001".parse().unwrap();
        world.vpc().prefix_lists.push(PrefixListSpec { id: list.clone(), prefixes: vec![] });
        world.group(1).ingress.push(tcp(80, Peer::PrefixList(list.clone())));
        let (server, client) = (world.launch(5, &[1]).await, world.launch(6, &[1]).await);
        server.serve(80).await;
        assert!(client.is_refused(server.ip, 80).await, "an empty list");
        for prefixes in [["172.31.0.6/32"].as_slice(), &["0.0.0.0/0"], &["10.0.0.0/8", "172.31.0.0/24"]] {
            world.vpc().prefix_lists[0].prefixes =
                prefixes.iter().map(|text| text.parse().unwrap()).collect();
            let changes = world.apply().await;
            assert!(changes.iter().all(|change| change.contains("set pl-")), "sets alone: {changes:#?}");
            assert!(client.connect(server.ip, 80).await.is_some(), "{prefixes:?}");
        }
        world.vpc().prefix_lists[0].prefixes = vec!["10.0.0.0/8".parse().unwrap()];
        world.apply().await;
        assert!(client.is_refused(server.ip, 80).await, "taken out");
        world
    });
}

#[test]
fn many_groups_are_asked_as_few_are() {
    story("many_groups_are_asked_as_few_are", |mut world: World| async {
        for n in 1..60 {
            world.group(n).egress.clear();
            world.vpc().interfaces.push(interface(n + 10, &[n]));
        }
        world.group(7).ingress.push(tcp(80, members(9)));
        world.group(9).egress.push(to_all());
        let (server, client, stranger) =
            (world.launch(5, &[3, 7]).await, world.launch(6, &[9, 40]).await, world.launch(7, &[40]).await);
        server.serve(80).await;
        assert!(client.connect(server.ip, 80).await.is_some());
        assert!(client.is_refused(server.ip, 81).await && stranger.is_refused(server.ip, 80).await);
        let others = world.vpc().interfaces.len() - 2;
        world.vpc().interfaces[others].groups = vec![crate::world::group_id(40)];
        let changes = world.apply().await;
        assert!(
            changes.iter().all(|change| change.contains(": set ")),
            "membership is sets alone: {changes:#?}"
        );
        assert!(client.is_refused(server.ip, 80).await, "left the group");
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}
