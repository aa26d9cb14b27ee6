//! Against the kernel, in a network namespace of the test's own; and messages that are cut.

use std::process::Command;

use super::*;

/// Runs on a thread of its own with a network of its own, where that may be made.
fn in_own_network(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
            println!("SKIPPED: no network namespace can be made here: {error}");
            return;
        }
        test();
    });
    thread.join().unwrap();
}

fn ip(arguments: &str) -> String {
    let told = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(told.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap()
}

fn index(name: &str) -> Link {
    Link(ip(&format!("-o link show {name}")).split(':').next().unwrap().parse().unwrap())
}

fn route(destination: &str, gateway: Option<&str>) -> Route {
    Route {
        destination: destination.parse().unwrap(),
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        metric: None,
    }
}

#[test]
fn an_interface_becomes_another_one() {
    in_own_network(|| {
        ip("link add eth7 type veth peer name other");
        ip("link set other up");
        ip("link set eth7 address 02:00:00:00:00:01 up");
        ip("addr add 172.31.0.4/20 dev eth7");
        ip("route add default via 172.31.0.1 dev eth7 metric 102");
        ip("route add 10.9.0.0/16 via 172.31.0.9 dev eth7");
        ip("neigh add 172.31.0.1 lladdr 02:00:00:00:00:99 dev eth7 nud reachable");
        let wanted = cumulet_agent_protocol::Interface {
            mac: "02:00:00:00:00:02".parse().unwrap(),
            previous_mac: Some("02:00:00:00:00:01".parse().unwrap()),
            addresses: vec!["172.31.16.5/20".parse().unwrap(), "fd00::5/64".parse().unwrap()],
            routes: vec![route("0.0.0.0/0", Some("172.31.16.1")), route("192.168.7.0/24", None)],
        };
        let link = index("eth7");
        let mut netlink = Netlink::open().unwrap();
        for _ in 0..2 {
            crate::identity::change_link(&mut netlink, link, &wanted).unwrap();
            assert!(ip("link show eth7").contains("02:00:00:00:00:02"));
            let addresses = ip("-o addr show dev eth7");
            assert!(addresses.contains("172.31.16.5/20") && addresses.contains("fd00::5/64"), "{addresses}");
            assert!(!addresses.contains("172.31.0.4"), "{addresses}");
            let routes = ip("route show dev eth7");
            let metric = 100 + link.0;
            assert!(
                routes.contains(&format!("default via 172.31.16.1 proto static metric {metric} onlink")),
                "{routes}"
            );
            assert!(routes.contains("192.168.7.0/24 proto static scope link"), "{routes}");
            assert!(!routes.contains("10.9.0.0") && !routes.contains("172.31.0.1 "), "{routes}");
            assert!(!ip("neigh show dev eth7").contains(":99"));
        }
        let v6 = ip("-o -6 addr show dev eth7 scope link");
        assert!(v6.contains("fe80::ff:fe00:2/64") && !v6.contains("fe00:1/64"), "{v6}");
    });
}

#[test]
fn what_the_kernel_refuses_is_an_error() {
    in_own_network(|| {
        let mut netlink = Netlink::open().unwrap();
        assert!(netlink.set_up(Link(4_000_000)).is_err());
        assert_eq!(netlink.addresses(Link(4_000_000)).unwrap(), []);
    });
}

#[test]
fn cut_messages_are_passed_over() {
    let whole = route_message(Link(3), &route("10.0.0.0/8", Some("10.0.0.1")));
    assert!(is_route_of(&whole, Link(3)) && !is_route_of(&whole, Link(4)));
    let address = address_message(Link(3), "10.0.0.1/8".parse().unwrap());
    assert_eq!(read_address(&address, Link(3)).unwrap().cidr.to_string(), "10.0.0.1/8");
    for length in 0..whole.len() {
        is_route_of(&whole[..length], Link(3));
        is_learnt_neighbour(&whole[..length], Link(3));
        attributes(&whole[..length]);
        messages(&whole[..length]);
    }
    for length in 0..8 {
        assert_eq!(read_address(&address[..length], Link(3)), None);
    }
}
