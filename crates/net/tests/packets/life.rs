//! The life of an installation on a host: converge, repair, live side by side, leave nothing behind.

use std::net::Ipv4Addr;

use cumulet_net::HostNetwork;
use cumulet_net::family::Family;
use cumulet_net::names;
use cumulet_ports::network::Network;

use crate::guest::{Guest, connect_in, is_refused_in};
use crate::world::{World, all, cidr, interface_id, members, sh, sh_here, sh_succeeds, story, vpc_id};

const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 9);

async fn open_guest(world: &mut World) -> Guest {
    world.group(1).ingress.extend([all(cidr("0.0.0.0/0")), all(members(1))]);
    let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
    guest.serve(80).await;
    guest
}

#[test]
fn applying_twice_changes_nothing_and_so_does_a_new_daemon() {
    story("applying_twice_changes_nothing_and_so_does_a_new_daemon", |mut world: World| async {
        let _guest = open_guest(&mut world).await;
        assert_eq!(world.apply().await, Vec::<String>::new());
        world.restart();
        assert_eq!(world.apply().await, Vec::<String>::new(), "after a restart");
        world
    });
}

#[test]
fn the_data_plane_stays_while_the_daemon_is_away() {
    story("the_data_plane_stays_while_the_daemon_is_away", |mut world: World| async {
        let guest = open_guest(&mut world).await;
        let mut open = connect_in(&world.host, PUBLIC, 80).await.expect("before");
        world.net = HostNetwork::new(world.config.clone()).unwrap();
        assert!(open.is_alive(), "an open connection");
        assert!(connect_in(&world.host, PUBLIC, 80).await.is_some(), "and a new one");
        assert!(guest.pings(Ipv4Addr::new(172, 31, 0, 1)).await);
        world.apply().await;
        assert!(open.is_alive(), "after its return");
        world
    });
}

#[test]
fn whatever_somebody_altered_is_repaired() {
    story("whatever_somebody_altered_is_repaired", |mut world: World| async {
        let guest = open_guest(&mut world).await;
        let tap = names::tap(&interface_id(5));
        let reaches = async |world: &World| connect_in(&world.host, PUBLIC, 80).await.is_some();
        assert!(reaches(&world).await);
        let vpc = names::vpc_namespace(&world.config.tag, &world.spec.vpcs[0].id);
        let edge = names::edge_namespace(&world.config.tag);
        let link = names::host_link(&world.config.tag);
        let in_vpc = |line: &str| format!("ip netns exec {vpc} {line}");
        let damages = [
            in_vpc("iptables -F"),
            in_vpc("iptables -t nat -F"),
            in_vpc("iptables -t raw -F"),
            in_vpc("iptables -P FORWARD ACCEPT"),
            in_vpc("iptables -I FORWARD 1 -j DROP"),
            in_vpc("ipset flush"),
            in_vpc("sh -c 'iptables -F; iptables -X; ipset destroy'"),
            in_vpc(&other_make(&names::member_set(&crate::world::group_id(1), Family::V4))),
            in_vpc(&other_make("public")),
            in_vpc(&format!("ip route del 172.31.0.5 dev {tap}")),
            in_vpc(&format!("ip neigh del 172.31.0.5 dev {tap}")),
            in_vpc(&format!("ip link set {tap} down")),
            in_vpc("ip addr del 172.31.0.1/32 dev lo"),
            in_vpc("ip route del default table 999"),
            in_vpc("ip link del igw"),
            in_vpc("sysctl -q -w net.ipv4.ip_forward=0"),
            in_vpc(&format!("sysctl -q -w net.ipv4.conf.{tap}.proxy_arp=0")),
            format!("ip netns exec {edge} ip route flush proto 199"),
            format!("ip link del {link}"),
            "ip route del 198.18.0.0/24".to_owned(),
            "iptables -F; iptables -t nat -F".to_owned(),
            "iptables -F; iptables -X; iptables -t nat -F; iptables -t nat -X".to_owned(),
            "sysctl -q -w net.ipv4.ip_forward=0".to_owned(),
            format!("ip netns del {vpc}"),
            format!("ip netns del {edge}"),
        ];
        for damage in damages {
            sh(&world.host, damage.clone()).await;
            let changes = world.apply().await;
            assert!(!changes.is_empty(), "{damage}: noticed");
            assert_eq!(world.apply().await, Vec::<String>::new(), "{damage}: repaired at once");
            assert!(reaches(&world).await, "{damage}: works again");
            assert!(guest.pings(Ipv4Addr::new(172, 31, 0, 1)).await, "{damage}: the router answers");
        }
        world
    });
}

/// Puts a set of another make in a set's place, to which the rules go on referring.
fn other_make(set: &str) -> String {
    format!(
        "sh -c 'iptables-save > /tmp/$$; iptables -F; ipset destroy {set}; ipset create {set} hash:net; \
         iptables-restore < /tmp/$$; rm /tmp/$$; ipset list -t {set} | grep -q \"References: [1-9]\"'"
    )
}

#[test]
fn a_deleted_tap_is_made_again_for_the_vmm_that_has_it() {
    story("a_deleted_tap_is_made_again_for_the_vmm_that_has_it", |mut world: World| async {
        let guest = open_guest(&mut world).await;
        world.apply().await;
        for _ in 0..2 {
            world.in_vpc(&format!("ip link del {}", names::tap(&interface_id(5))));
            assert!(is_refused_in(&world.host, PUBLIC, 80).await);
            let changes = world.apply().await;
            assert!(changes.iter().any(|change| change.contains("made again")), "{changes:?}");
            assert!(connect_in(&world.host, PUBLIC, 80).await.is_some());
            assert!(guest.pings(Ipv4Addr::new(172, 31, 0, 1)).await);
        }
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}

#[test]
fn a_deleted_tap_is_made_again_for_the_next_vmm() {
    story("a_deleted_tap_is_made_again_for_the_next_vmm", |mut world: World| async {
        let guest = open_guest(&mut world).await;
        drop(guest);
        world.restart();
        world.in_vpc(&format!("ip link del {}", names::tap(&interface_id(5))));
        let changes = world.apply().await;
        assert!(
            changes.iter().any(|change| change.contains("tap") && change.ends_with("made")),
            "{changes:?}"
        );
        let spec = world.spec.vpcs[0].interfaces[0].clone();
        let guest = world.boot(0, &spec).await;
        guest.serve(80).await;
        assert!(connect_in(&world.host, PUBLIC, 80).await.is_some());
        world
    });
}

#[test]
fn an_interface_that_goes_leaves_nothing_and_its_address_starts_afresh() {
    story("an_interface_that_goes_leaves_nothing_and_its_address_starts_afresh", |mut world: World| async {
        world.group(1);
        world.apply().await;
        let bare = inventory(&world);
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let a = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let b = world.launch(6, &[1]).await;
        a.serve(80).await;
        let _open = b.connect(a.ip, 80).await.unwrap();
        world.vpc().interfaces.clear();
        world.group(1).ingress.clear();
        world.apply().await;
        assert_eq!(inventory(&world), bare);
        assert_eq!(world.in_vpc("conntrack -L 2>/dev/null | grep -c 172.31.0.5 || true").trim(), "0");
        world
    });
}

#[test]
fn a_vpc_that_goes_takes_its_namespace_with_it() {
    story("a_vpc_that_goes_takes_its_namespace_with_it", |mut world: World| async {
        world.spec.vpcs.push(crate::world::vpc(2));
        world.apply().await;
        let gone = names::vpc_namespace(&world.config.tag, &vpc_id(2));
        assert!(sh_here("ip netns list").contains(&gone));
        world.spec.vpcs.pop();
        world.restart();
        world.apply().await;
        assert!(!sh_here("ip netns list").contains(&gone), "even after a restart between");
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}

#[test]
fn two_installations_live_side_by_side_and_leave_one_by_one() {
    story("two_installations_live_side_by_side_and_leave_one_by_one", |mut world: World| async {
        let mut other = World::with_pool("198.18.1.0/24");
        other.config.host_record = world.config.host_record.clone();
        other.restart();
        let _here = open_guest(&mut world).await;
        other.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let there = other.launch_public(5, Some("198.18.1.9"), &[1]).await;
        there.serve(80).await;
        assert!(connect_in(&world.host, PUBLIC, 80).await.is_some());
        assert!(connect_in(&world.host, Ipv4Addr::new(198, 18, 1, 9), 80).await.is_some());
        assert_eq!(world.apply().await, Vec::<String>::new());
        other.net.teardown().await.unwrap();
        assert_eq!(world.apply().await, Vec::<String>::new(), "the other's leaving touches nothing here");
        assert_eq!(sh_here("sysctl -n net.ipv4.ip_forward").trim(), "1", "forwarding is still needed");
        assert!(connect_in(&world.host, PUBLIC, 80).await.is_some());
        world.net.teardown().await.unwrap();
        assert_eq!(sh_here("sysctl -n net.ipv4.ip_forward").trim(), "0", "as it was found");
        world
    });
}

#[test]
fn a_hosts_firewall_is_the_same_after_a_whole_life() {
    story("a_hosts_firewall_is_the_same_after_a_whole_life", |mut world: World| async {
        sh_here(
            "iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; \
             iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT; iptables -A INPUT -p tcp --dport 23 -j DROP; \
             iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        );
        let before = host_state();
        let _guest = open_guest(&mut world).await;
        assert_ne!(host_state(), before);
        world.net.teardown().await.unwrap();
        assert_eq!(host_state(), before);
        world.net.teardown().await.expect("once more");
        assert_eq!(host_state(), before, "two teardowns are as good as one");
        world.apply().await;
        assert!(is_refused_in(&world.host, PUBLIC, 80).await, "the guest's tap went");
        world
    });
}

#[test]
fn a_host_without_a_firewall_has_none_after_a_whole_life() {
    story("a_host_without_a_firewall_has_none_after_a_whole_life", |mut world: World| async {
        let before = host_state();
        let _guest = open_guest(&mut world).await;
        world.net.teardown().await.unwrap();
        let after = host_state();
        if sh_here("iptables --version").contains("nf_tables") && sh_succeeds("command -v nft") {
            assert_eq!(after, before);
        } else {
            // The older iptables never gives up its tables; what is left of them accepts all.
            let idle = |line: &&str| line.starts_with('*') || line.starts_with(':') || *line == "COMMIT";
            assert!(
                after.lines().filter(idle).all(|line| !line.starts_with(':') || line.ends_with(" ACCEPT "))
            );
            assert!(after.lines().filter(|line| !idle(line)).eq(before.lines()));
        }
        world
    });
}

#[test]
fn a_namespace_deleted_while_the_daemon_was_away_is_made_anew() {
    story("a_namespace_deleted_while_the_daemon_was_away_is_made_anew", |mut world: World| async {
        let cut_off = open_guest(&mut world).await;
        world.restart();
        let vpc = names::vpc_namespace(&world.config.tag, &world.spec.vpcs[0].id);
        sh_here(&format!("ip netns del {vpc}"));
        world.apply().await;
        assert_eq!(world.apply().await, Vec::<String>::new());
        assert!(is_refused_in(&world.host, PUBLIC, 80).await, "who holds the old tap is cut off");
        drop(cut_off);
        let spec = world.spec.vpcs[0].interfaces[0].clone();
        let guest = world.boot(0, &spec).await;
        guest.serve(80).await;
        assert!(connect_in(&world.host, PUBLIC, 80).await.is_some(), "who opens the new one is there");
        world
    });
}

#[test]
fn a_pool_that_the_host_has_another_use_for_is_refused() {
    story("a_pool_that_the_host_has_another_use_for_is_refused", |mut world: World| async {
        sh_here(
            "ip link add lan type veth peer name lan2; ip link set lan up; ip route add 198.18.0.64/26 dev lan",
        );
        let before = host_state();
        let error = world.net.apply(&world.spec).await.unwrap_err().chain();
        assert!(error.contains("198.18.0.64/26"), "{error}");
        assert_eq!(host_state(), before);
        sh_here("ip route del 198.18.0.64/26 dev lan; ip route add 198.18.0.0/16 dev lan");
        let _guest = open_guest(&mut world).await;
        assert!(connect_in(&world.host, PUBLIC, 80).await.is_some(), "a wider route is no hindrance");
        let twin = World::with_pool("198.18.0.128/25");
        let error = twin.net.apply(&twin.spec).await.unwrap_err().chain();
        assert!(error.contains("198.18.0.0/24"), "another installation's pool: {error}");
        twin.net.teardown().await.unwrap();
        assert!(connect_in(&world.host, PUBLIC, 80).await.is_some());
        world
    });
}

/// The kernel's own way of queueing would take 6 MiB for each.
#[test]
fn a_tap_with_several_queues_is_made_so_and_made_again_so() {
    story("a_tap_with_several_queues_is_made_so_and_made_again_so", |mut world: World| async {
        world.group(1);
        let mut several = crate::world::interface(10, &[1]);
        several.queues = 3;
        world.vpc().interfaces.extend([several, crate::world::interface(11, &[1])]);
        world.apply().await;
        let vpc = world.spec.vpcs[0].id.clone();
        let one = world.net.open_tap(&vpc, &interface_id(11)).await.unwrap();
        assert_eq!(one.len(), 1);
        let three = world.net.open_tap(&vpc, &interface_id(10)).await.unwrap();
        assert_eq!(three.len(), 3);
        let shown =
            |world: &World| world.in_vpc(&format!("ip -d link show {}", names::tap(&interface_id(10))));
        for _ in 0..2 {
            let now = shown(&world);
            assert!(now.contains("numqueues 3") && now.contains("qdisc noqueue"), "{now}");
            assert_eq!(world.apply().await, Vec::<String>::new());
            world.in_vpc(&format!("ip link del {}", names::tap(&interface_id(10))));
            let changes = world.apply().await;
            assert!(changes.iter().any(|change| change.contains("made again")), "{changes:?}");
        }
        drop(three);
        assert_eq!(world.net.open_tap(&vpc, &interface_id(10)).await.unwrap().len(), 3);
        world
    });
}

#[test]
fn taps_are_opened_while_the_network_changes() {
    story("taps_are_opened_while_the_network_changes", |mut world: World| async {
        world.group(1);
        for n in 10..30 {
            world.vpc().interfaces.push(crate::world::interface(n, &[1]));
        }
        world.apply().await;
        let vpc = world.spec.vpcs[0].id.clone();
        let opening = async {
            for n in 10..30 {
                world.net.open_tap(&vpc, &interface_id(n)).await.expect("an open tap");
            }
        };
        let applying = async {
            for _ in 0..5 {
                assert_eq!(world.apply().await, Vec::<String>::new());
            }
        };
        tokio::join!(opening, applying);
        world
    });
}

#[test]
fn a_spec_that_contradicts_itself_is_refused_before_anything_is_touched() {
    let name = "a_spec_that_contradicts_itself_is_refused_before_anything_is_touched";
    story(name, |mut world: World| async {
        world.group(1);
        world.apply().await;
        let mut twin = crate::world::interface(5, &[1]);
        world.vpc().interfaces.push(twin.clone());
        twin.id = interface_id(6);
        world.vpc().interfaces.push(twin);
        let error = world.net.apply(&world.spec).await.unwrap_err().chain();
        assert!(error.contains("its own alone"), "{error}");
        assert!(!world.in_vpc("ip link").contains("tap"));
        world
    });
}

/// All rules, routes, addresses, links and settings of the host that a network could touch.
pub fn host_state() -> String {
    sh_here(
        "iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'; ip -o route; ip -o addr | sed 's/ tentative//'; ip -o link; \
         ip6tables-save | grep -v '^#' | sed 's/\\[.*\\]//'; ip -6 -o route; ip rule; ip -6 rule; \
         sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv6.conf.default.accept_ra; ipset list",
    )
}

/// What a VPC's namespace holds, without counters and times.
fn inventory(world: &World) -> String {
    ["ip -o -4 addr", "ip -o -4 route", "ip -o -4 neigh", "iptables-save", "ipset save"]
        .map(|line| world.in_vpc(line))
        .concat()
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("initval"))
        .map(|line| line.split(" [").next().unwrap().to_owned() + "\n")
        .collect()
}

#[test]
fn who_serves_in_vpcs_hears_of_those_that_come_and_go() {
    story("who_serves_in_vpcs_hears_of_those_that_come_and_go", |mut world: World| async {
        let heard = async |world: &World| {
            tokio::time::timeout(std::time::Duration::from_millis(300), world.net.networks_changed())
                .await
                .is_ok()
        };
        world.group(1);
        world.apply().await;
        assert!(heard(&world).await, "the first one");
        world.vpc().interfaces.push(crate::world::interface(5, &[1]));
        world.apply().await;
        assert!(!heard(&world).await, "only another interface");
        world.spec.vpcs.push(crate::world::vpc(2));
        world.apply().await;
        assert!(heard(&world).await, "a second one");
        let listener = world.net.metadata_listener(&vpc_id(2)).await.unwrap();
        world.spec.vpcs.pop();
        world.apply().await;
        assert!(heard(&world).await, "and it goes");
        drop(listener);
        world
    });
}
