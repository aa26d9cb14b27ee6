//! Network ACLs: at a subnet's border, packet by packet, changed while guests run.

use cumulet_model::security::{PortRange, Traffic};
use cumulet_ports::network::{AclEntry, AclSpec};

use crate::guest::{connect_in, is_refused_in};
use crate::world::{World, all, cidr, story};

fn entry(number: u16, allow: bool, ports: (u16, u16), cidr: &str) -> AclEntry {
    let traffic = Traffic::Tcp(PortRange { first: ports.0, last: ports.1 });
    AclEntry { number, allow, traffic, cidr: cidr.parse().unwrap() }
}

#[test]
fn an_acl_holds_at_the_border_of_its_subnet_for_each_packet() {
    story("an_acl_holds_at_the_border_of_its_subnet_for_each_packet", |mut world: World| async {
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let server = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let neighbour = world.launch(6, &[1]).await;
        let far = world.launch(100 + 6, &[1]).await;
        server.serve(80).await;
        server.serve(81).await;
        assert!(far.connect(server.ip, 80).await.is_some(), "no ACL");

        let only_in = AclSpec { ingress: vec![entry(100, true, (80, 80), "0.0.0.0/0")], egress: vec![] };
        world.vpc().subnets[0].acl = Some(only_in);
        world.apply().await;
        assert!(
            far.is_refused(server.ip, 80).await,
            "the answers don't get out: an ACL knows no connections"
        );
        assert!(
            neighbour.connect(server.ip, 81).await.is_some(),
            "what stays in the subnet is no concern of it"
        );

        let acl = |world: &mut World| world.vpc().subnets[0].acl.take().unwrap();
        let mut changed = acl(&mut world);
        changed.egress.push(entry(100, true, (1024, 65535), "0.0.0.0/0"));
        world.vpc().subnets[0].acl = Some(changed);
        world.apply().await;
        let mut open = far.connect(server.ip, 80).await.expect("both ways are open");
        assert!(far.is_refused(server.ip, 81).await, "another port");
        let public: std::net::Ipv4Addr = "198.18.0.9".parse().unwrap();
        assert!(connect_in(&world.host, public, 80).await.is_some(), "from outside too");
        assert!(is_refused_in(&world.host, public, 81).await);

        let mut changed = acl(&mut world);
        changed.ingress.push(entry(90, false, (0, 65535), "172.31.16.0/20"));
        world.vpc().subnets[0].acl = Some(changed);
        world.apply().await;
        assert!(open.has_ended(), "what flowed is cut off at once");
        assert!(far.is_refused(server.ip, 80).await, "the lower number decides");
        assert!(connect_in(&world.host, public, 80).await.is_some(), "others are let in as before");
        let router = std::net::Ipv4Addr::new(172, 31, 0, 1);
        assert!(server.pings(router).await, "the router is no other subnet");
        assert_eq!(world.apply().await, Vec::<String>::new());
        world.vpc().subnets[0].acl = None;
        world.apply().await;
        assert!(far.connect(server.ip, 81).await.is_some(), "without it");
        world
    });
}
