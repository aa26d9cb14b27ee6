//! Route tables: public and private subnets, NAT gateways, forwarding guests, blackholes, several ranges.

use std::net::Ipv4Addr;

use cumulet_net::names;
use cumulet_ports::network::{
    InterfaceSpec, NatGatewaySpec, RouteSpec, RouteTableSpec, RouteTarget, SubnetSpec, VpcSpec,
};

use crate::guest::{Guest, connect_in, is_refused_in, serve_in};
use crate::outside::{OUTSIDE, UPLINK, outside};
use crate::world::{World, all, cidr, interface, interface_id, sh, story};

const BASTION: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 9);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 20);

fn route(to: &str, target: RouteTarget) -> RouteSpec {
    RouteSpec { to: to.parse().unwrap(), target }
}

/// Gives the second subnet a table of its own with these routes.
fn private(vpc: &mut VpcSpec, routes: Vec<RouteSpec>) {
    let id: cumulet_model::RouteTableId = "rtb-000000000000000f2".parse().unwrap();
    vpc.subnets[1].route_table = Some(id.clone());
    vpc.route_tables.retain(|table| table.id != id);
    vpc.route_tables.push(RouteTableSpec { id, routes });
}

/// A NAT gateway in the first subnet.
fn nat_gateway(vpc: &mut VpcSpec) -> RouteTarget {
    let gateway = NatGatewaySpec {
        id: "nat-00000000000000001".parse().unwrap(),
        interface_id: interface_id(50),
        subnet_id: vpc.subnets[0].id.clone(),
        private_ip: Ipv4Addr::new(172, 31, 0, 50),
        public_ip: GATEWAY,
        max_connections: 55_000,
    };
    let target = RouteTarget::NatGateway(gateway.id.clone());
    vpc.nat_gateways.push(gateway);
    target
}

/// A bastion in the public subnet and a guest in the private one, whose groups let all in.
async fn bastion_and_private(world: &mut World) -> (Guest, Guest) {
    world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
    let bastion = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
    let private = world.launch(105, &[1]).await;
    bastion.serve(22).await;
    private.serve(22).await;
    (bastion, private)
}

#[test]
fn a_private_subnet_gets_out_by_its_nat_gateway_and_is_reached_by_the_bastion_alone() {
    let name = "a_private_subnet_gets_out_by_its_nat_gateway_and_is_reached_by_the_bastion_alone";
    story(name, |mut world: World| async {
        let outside = outside(&world).await;
        serve_in(&outside, 443).await;
        let target = nat_gateway(world.vpc());
        private(world.vpc(), vec![route("0.0.0.0/0", target)]);
        let (bastion, inner) = bastion_and_private(&mut world).await;

        let seen = inner.connect(OUTSIDE, 443).await.expect("out by the gateway");
        assert_eq!(seen.seen_as.ip(), UPLINK);
        assert!(inner.pings(OUTSIDE).await);
        let seen = inner.connect(BASTION, 22).await.expect("round by the edge");
        assert_eq!(seen.seen_as.ip(), GATEWAY, "the gateway's elastic address");
        assert!(seen.seen_as.port() >= 1024);
        assert!(bastion.connect(inner.ip, 22).await.is_some(), "the bastion is its neighbour");
        assert!(connect_in(&world.host, BASTION, 22).await.is_some());

        sh(&outside, format!("ip route add 198.18.0.0/24 via {UPLINK}")).await;
        for stranger in [&world.host, &outside] {
            assert!(is_refused_in(stranger, GATEWAY, 22).await, "nothing comes in by the gateway");
        }
        assert_eq!(world.apply().await, Vec::<String>::new());
        world.restart();
        assert_eq!(world.apply().await, Vec::<String>::new(), "a new daemon");
        world
    });
}

#[test]
fn a_nat_gateway_has_its_number_of_connections_to_a_destination_and_no_more() {
    let name = "a_nat_gateway_has_its_number_of_connections_to_a_destination_and_no_more";
    story(name, |mut world: World| async {
        let outside = outside(&world).await;
        for port in [443, 444] {
            serve_in(&outside, port).await;
        }
        let target = nat_gateway(world.vpc());
        world.vpc().nat_gateways[0].max_connections = 2;
        private(world.vpc(), vec![route("0.0.0.0/0", target)]);
        let (_, inner) = bastion_and_private(&mut world).await;
        let _first = inner.connect(OUTSIDE, 443).await.expect("one");
        let _second = inner.connect(OUTSIDE, 443).await.expect("two");
        assert!(inner.is_refused(OUTSIDE, 443).await, "a third one to the same port");
        assert!(inner.connect(OUTSIDE, 444).await.is_some(), "another destination");
        world
    });
}

#[test]
fn without_its_gateways_a_subnet_is_cut_off_and_with_them_it_is_back() {
    story("without_its_gateways_a_subnet_is_cut_off_and_with_them_it_is_back", |mut world: World| async {
        let outside = outside(&world).await;
        serve_in(&outside, 443).await;
        let target = nat_gateway(world.vpc());
        private(world.vpc(), vec![route("0.0.0.0/0", target)]);
        let (bastion, inner) = bastion_and_private(&mut world).await;
        assert!(inner.connect(OUTSIDE, 443).await.is_some());

        let gateways = std::mem::take(&mut world.vpc().nat_gateways);
        world.apply().await;
        assert!(inner.is_refused(OUTSIDE, 443).await, "its route is a blackhole");
        assert!(bastion.connect(OUTSIDE, 443).await.is_some(), "the public one is as it was");
        world.vpc().nat_gateways = gateways;
        world.apply().await;
        assert!(inner.connect(OUTSIDE, 443).await.is_some());

        world.vpc().internet_gateway = false;
        world.apply().await;
        for guest in [&bastion, &inner] {
            assert!(guest.is_refused(OUTSIDE, 443).await, "no internet gateway");
        }
        assert!(is_refused_in(&world.host, BASTION, 22).await);
        assert!(bastion.connect(inner.ip, 22).await.is_some(), "what is local stays");
        world.vpc().internet_gateway = true;
        world.apply().await;
        assert!(inner.connect(OUTSIDE, 443).await.is_some());
        assert!(connect_in(&world.host, BASTION, 22).await.is_some());
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}

#[test]
fn the_longest_prefix_decides_and_a_change_of_routes_is_a_small_one() {
    story("the_longest_prefix_decides_and_a_change_of_routes_is_a_small_one", |mut world: World| async {
        let outside = outside(&world).await;
        serve_in(&outside, 443).await;
        world.group(1);
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        assert!(guest.connect(OUTSIDE, 443).await.is_some());
        let routes = |world: &mut World, more: &[(&str, RouteTarget)]| {
            let mut routes = vec![route("0.0.0.0/0", RouteTarget::InternetGateway)];
            routes.extend(more.iter().map(|(to, target)| route(to, target.clone())));
            world.vpc().route_tables[0].routes = routes;
        };
        routes(&mut world, &[("203.0.113.0/24", RouteTarget::Blackhole)]);
        let changes = world.apply().await;
        assert_eq!(changes.len(), 1, "{changes:#?}");
        assert!(guest.is_refused(OUTSIDE, 443).await);
        let back = ("203.0.113.8/29", RouteTarget::InternetGateway);
        routes(&mut world, &[("203.0.113.0/24", RouteTarget::Blackhole), back]);
        world.apply().await;
        assert!(guest.connect(OUTSIDE, 443).await.is_some());
        world.vpc().route_tables[0].routes.clear();
        world.apply().await;
        assert!(guest.is_refused(OUTSIDE, 443).await, "no route at all");
        assert!(guest.pings(Ipv4Addr::new(172, 31, 0, 1)).await, "the router is local");
        world.vpc().route_tables.clear();
        world.apply().await;
        assert!(guest.is_refused(OUTSIDE, 443).await, "no table at all");
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}

#[test]
fn a_nat_instance_forwards_as_long_as_its_source_and_destination_are_not_checked() {
    let name = "a_nat_instance_forwards_as_long_as_its_source_and_destination_are_not_checked";
    story(name, |mut world: World| async {
        let outside = outside(&world).await;
        serve_in(&outside, 443).await;
        private(world.vpc(), vec![route("0.0.0.0/0", RouteTarget::Interface(interface_id(5)))]);
        let (nat, inner) = bastion_and_private(&mut world).await;
        sh(
            &nat.ns,
            "sysctl -q -w net.ipv4.ip_forward=1; iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE",
        )
        .await;
        assert!(inner.is_refused(OUTSIDE, 443).await, "its destination is checked");
        world.vpc().interfaces[0].source_dest_check = false;
        world.apply().await;
        assert!(inner.connect(OUTSIDE, 443).await.is_some(), "by the NAT instance");
        let seen = inner.connect(BASTION, 22).await;
        assert!(seen.is_none_or(|seen| seen.seen_as.ip() != inner.ip), "no one is seen by a false address");
        world.group(1).ingress.clear();
        world.apply().await;
        assert!(inner.is_refused(OUTSIDE, 444).await, "the instance's own groups are asked");
        world.group(1).ingress.push(all(cidr("172.31.16.0/20")));
        world.apply().await;
        assert!(inner.connect(OUTSIDE, 443).await.is_some());
        let instance = world.vpc().interfaces.remove(0);
        world.apply().await;
        assert!(inner.is_refused(OUTSIDE, 443).await, "it stopped");
        world.vpc().interfaces.push(instance);
        assert!(!world.apply().await.is_empty());
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}

/// An interface in the VPC's last subnet.
fn in_last_subnet(vpc: &VpcSpec, n: u8, ip: &str) -> InterfaceSpec {
    InterfaceSpec {
        subnet_id: vpc.subnets.last().unwrap().id.clone(),
        private_ip: ip.parse().unwrap(),
        mac: cumulet_model::MacAddr::for_private_ip(7, ip.parse().unwrap()),
        ..interface(n, &[1])
    }
}

fn add_subnet(vpc: &mut VpcSpec, net: &str) {
    let id = "subnet-00000001000000003".parse().unwrap();
    vpc.subnets.push(SubnetSpec::new(id, net.parse().unwrap()));
}

#[test]
fn traffic_between_two_subnets_takes_the_way_by_an_appliance() {
    story("traffic_between_two_subnets_takes_the_way_by_an_appliance", |mut world: World| async {
        add_subnet(world.vpc(), "172.31.32.0/20");
        let mut appliance = in_last_subnet(world.vpc(), 60, "172.31.32.60");
        appliance.source_dest_check = false;
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        world.vpc().interfaces.push(appliance.clone());
        // The third subnet has a table of its own, which leads to the first two directly.
        let own = RouteTableSpec { id: "rtb-000000000000000f3".parse().unwrap(), routes: vec![] };
        world.vpc().subnets[2].route_table = Some(own.id.clone());
        world.vpc().route_tables.push(own);
        let first = world.launch(5, &[1]).await;
        let peer = world.launch(6, &[1]).await;
        let second = world.launch(105, &[1]).await;
        for guest in [&first, &peer, &second] {
            guest.serve(80).await;
        }
        assert!(first.connect(second.ip, 80).await.is_some(), "directly");
        let to_appliance = || RouteTarget::Interface(interface_id(60));
        world.vpc().route_tables[0].routes =
            vec![route("172.31.0.0/20", to_appliance()), route("172.31.16.0/20", to_appliance())];
        world.apply().await;
        let appliance = world.boot(0, &appliance).await;
        sh(&appliance.ns, "sysctl -q -w net.ipv4.ip_forward=0").await;
        assert!(first.is_refused(second.ip, 80).await, "the appliance does not forward yet");
        assert!(first.connect(peer.ip, 80).await.is_some(), "neighbours in a subnet don't ask it");
        sh(&appliance.ns, "sysctl -q -w net.ipv4.ip_forward=1").await;
        assert!(first.connect(second.ip, 80).await.is_some(), "there and back by the appliance");
        sh(&appliance.ns, "iptables -P FORWARD DROP").await;
        assert!(first.is_refused(second.ip, 80).await, "by the appliance alone");
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}

#[test]
fn a_vpc_of_several_ranges_is_one_network() {
    story("a_vpc_of_several_ranges_is_one_network", |mut world: World| async {
        let outside = outside(&world).await;
        serve_in(&outside, 443).await;
        world.vpc().more_cidrs.push("100.64.0.0/16".parse().unwrap());
        add_subnet(world.vpc(), "100.64.1.0/24");
        let mut far = in_last_subnet(world.vpc(), 60, "100.64.1.60");
        far.public_ip = Some("198.18.0.60".parse().unwrap());
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        world.vpc().interfaces.push(far.clone());
        let near = world.launch(5, &[1]).await;
        let far = world.boot(0, &far).await;
        far.serve(80).await;
        assert!(near.connect(far.ip, 80).await.is_some());
        assert!(far.connect(OUTSIDE, 443).await.is_some());
        assert!(near.is_refused(Ipv4Addr::new(100, 64, 2, 7), 80).await, "an address that nobody has");
        assert!(connect_in(&world.host, Ipv4Addr::new(198, 18, 0, 60), 80).await.is_some());
        world
    });
}

#[test]
fn rules_and_tables_that_somebody_altered_are_as_they_were() {
    story("rules_and_tables_that_somebody_altered_are_as_they_were", |mut world: World| async {
        let outside = outside(&world).await;
        serve_in(&outside, 443).await;
        let target = nat_gateway(world.vpc());
        private(world.vpc(), vec![route("0.0.0.0/0", target)]);
        let (bastion, inner) = bastion_and_private(&mut world).await;
        let vpc = names::vpc_namespace(&world.config.tag, &world.spec.vpcs[0].id);
        let edge = names::edge_namespace(&world.config.tag);
        let nat = names::nat_link(&world.spec.vpcs[0].nat_gateways[0].id);
        for damage in [
            format!("ip netns exec {vpc} ip rule flush"),
            format!("ip netns exec {vpc} ip route flush table all proto 199"),
            format!("ip netns exec {vpc} ip rule add from all lookup main priority 5"),
            format!("ip netns exec {vpc} ip route replace table 999 blackhole default proto 199"),
            format!("ip netns exec {vpc} ip link del {nat}"),
            format!("ip netns exec {edge} ip rule flush"),
            format!("ip netns exec {edge} ip route flush proto 199"),
        ] {
            sh(&world.host, damage.clone()).await;
            assert!(!world.apply().await.is_empty(), "{damage}: noticed");
            assert_eq!(world.apply().await, Vec::<String>::new(), "{damage}: repaired at once");
            assert!(inner.connect(OUTSIDE, 443).await.is_some(), "{damage}");
            assert!(bastion.connect(OUTSIDE, 443).await.is_some(), "{damage}");
        }
        world
    });
}
