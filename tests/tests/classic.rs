//! The classic exercise with the aws CLI: a VPC with a public and a private subnet, an internet gateway, a NAT
//! gateway with an elastic address, both route tables and a bastion. The private instance reaches out and can't be reached,
//! except through the bastion.

use std::process::Command;

use cumulet_e2e::{Guest, Output, Outside, PAGE, Site, eventually, run, run_ok};

/// What the exercise made.
struct Exercise {
    vpc: String,
    public: String,
    private: String,
    gateway: String,
    public_table: String,
    private_table: String,
    bastion_group: String,
    inner_group: String,
}

#[test]
fn a_private_instance_reaches_out_and_is_reached_through_the_bastion_alone() {
    let Some(site) = Site::with_config("the classic exercise", "guest_networks = [\"203.0.113.0/24\"]\n")
    else {
        return;
    };
    let internet = Outside::new(site.tag());
    let key = site.key_pair("mine");
    let made = lay_out(&site);

    let bastion = launch(&site, &made.public, &made.bastion_group);
    let inner = launch(&site, &made.private, &made.inner_group);
    let bastion = site.reach(&bastion, &key);
    let shown = site.wait_for(&inner, "running");
    assert!(shown["PublicIpAddress"].is_null(), "the private subnet gives no public addresses");
    let inner_ip = shown["PrivateIpAddress"].as_str().expect("a private address").to_owned();
    let inside = |script: &str| through(&site, &bastion, &key, &inner_ip, script);
    eventually("the private instance answers through the bastion", || inside("true").ok.then_some(()));

    // The public subnet has its way out; the private one has none yet.
    let fetch = format!("curl -s -m 5 {}", internet.url());
    assert_eq!(bastion.ssh(&fetch), PAGE);
    assert!(!inside(&fetch).ok, "there is no route to the internet yet");

    let text = |arguments: &[&str]| site.aws(&[arguments, &["--output", "text"]].concat());
    let elastic = text(&["allocate-address", "--query", "AllocationId"]);
    let nat = text(&[
        "create-nat-gateway",
        "--subnet-id",
        &made.public,
        "--allocation-id",
        &elastic,
        "--query",
        "NatGateway.NatGatewayId",
    ]);
    site.aws(&["wait", "nat-gateway-available", "--nat-gateway-ids", &nat]);
    let to = ["--route-table-id", &made.private_table, "--destination-cidr-block", "0.0.0.0/0"];
    site.aws(&[&["create-route", "--nat-gateway-id", &nat], to.as_slice()].concat());
    let reached = inside(&fetch);
    assert_eq!(reached.out.trim(), PAGE, "out through the NAT gateway: {reached:?}");

    // In, there is the bastion and nothing else.
    let public_ip = text(&[
        "describe-nat-gateways",
        "--nat-gateway-ids",
        &nat,
        "--query",
        "NatGateways[0].NatGatewayAddresses[0].PublicIp",
    ]);
    assert!(internet.reaches(&bastion.public_ip, 22), "the bastion is reached from the internet");
    assert!(!internet.reaches(&public_ip, 22), "the NAT gateway lets nothing in");
    assert!(reaches_by(&bastion.public_ip, &bastion.public_ip), "the way to the cloud is there");
    assert!(!reaches_by(&bastion.public_ip, &inner_ip), "a private address leads nowhere");

    // Without the route it is as before, and the gateway's end is the route's.
    site.aws(&["delete-nat-gateway", "--nat-gateway-id", &nat]);
    site.aws(&["wait", "nat-gateway-deleted", "--nat-gateway-ids", &nat]);
    assert!(!inside(&fetch).ok, "the gateway is gone");
    let state = "RouteTables[0].Routes[?DestinationCidrBlock=='0.0.0.0/0'].State";
    let state = text(&["describe-route-tables", "--route-table-ids", &made.private_table, "--query", state]);
    assert_eq!(state, "blackhole");

    take_down(&site, &made, &[&bastion.id, &inner], &elastic);
}

fn lay_out(site: &Site) -> Exercise {
    let text = |arguments: &[&str]| site.aws(&[arguments, &["--output", "text"]].concat());
    let vpc = text(&["create-vpc", "--cidr-block", "10.0.0.0/16", "--query", "Vpc.VpcId"]);
    let subnet = |cidr: &str| {
        text(&["create-subnet", "--vpc-id", &vpc, "--cidr-block", cidr, "--query", "Subnet.SubnetId"])
    };
    let (public, private) = (subnet("10.0.0.0/24"), subnet("10.0.1.0/24"));
    site.aws(&["modify-subnet-attribute", "--subnet-id", &public, "--map-public-ip-on-launch"]);
    let gateway = text(&["create-internet-gateway", "--query", "InternetGateway.InternetGatewayId"]);
    site.aws(&["attach-internet-gateway", "--internet-gateway-id", &gateway, "--vpc-id", &vpc]);
    let table = |subnet: &str| {
        let id = text(&["create-route-table", "--vpc-id", &vpc, "--query", "RouteTable.RouteTableId"]);
        site.aws(&["associate-route-table", "--route-table-id", &id, "--subnet-id", subnet]);
        id
    };
    let (public_table, private_table) = (table(&public), table(&private));
    let to = ["--route-table-id", &public_table, "--destination-cidr-block", "0.0.0.0/0"];
    site.aws(&[&["create-route", "--gateway-id", &gateway], to.as_slice()].concat());
    let group = |name: &str| {
        let fixed = ["create-security-group", "--vpc-id", &vpc, "--query", "GroupId"];
        text(&[&fixed, ["--group-name", name, "--description", name].as_slice()].concat())
    };
    let (bastion_group, inner_group) = (group("bastion"), group("inner"));
    let ssh = ["--protocol", "tcp", "--port", "22"];
    let admit = |group: &str, from: &[&str]| {
        site.aws(
            &[&["authorize-security-group-ingress", "--group-id", group], ssh.as_slice(), from].concat(),
        );
    };
    admit(&bastion_group, &["--cidr", "0.0.0.0/0"]);
    admit(&inner_group, &["--source-group", &bastion_group]);
    Exercise { vpc, public, private, gateway, public_table, private_table, bastion_group, inner_group }
}

fn launch(site: &Site, subnet: &str, group: &str) -> String {
    site.run_instance(&["--key-name", "mine", "--subnet-id", subnet, "--security-group-ids", group])
}

/// Runs a shell command in the private instance, by a connection that the bastion carries.
fn through(site: &Site, bastion: &Guest, key: &std::path::Path, inner: &str, script: &str) -> Output {
    let proxy = bastion.ssh_command();
    let words: Vec<_> = std::iter::once(proxy.get_program()).chain(proxy.get_args()).collect();
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (last, options) = words.split_last().expect("an ssh command");
    let carry = format!("ProxyCommand={} -W %h:%p {last}", options.join(" "));
    run(Command::new("ssh")
        .args([
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "BatchMode=yes",
            "-o",
            "LogLevel=ERROR",
            "-o",
            &carry,
        ])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", site.path("known-inner").display()))
        .arg("-i")
        .arg(key)
        .arg(format!("debian@{inner}"))
        .arg(script))
}

/// Whether port 22 of an address answers the host when it is sent the way that leads to a public one: to the cloud's edge,
/// and not to whoever has private addresses around this host.
fn reaches_by(public_ip: &str, address: &str) -> bool {
    let shown = run_ok(Command::new("ip").args(["-j", "route", "get", public_ip]));
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("routes as JSON");
    let (router, link) = (shown[0]["gateway"].as_str(), shown[0]["dev"].as_str());
    let (router, link) = (router.expect("the edge's address"), link.expect("the edge's link"));
    let route = |what: &str| {
        let to = format!("{address}/32");
        run_ok(Command::new("ip").args(["route", what, &to, "via", router, "dev", link]));
    };
    route("add");
    let target = format!("{address}:22").parse().expect("an address");
    let reached = std::net::TcpStream::connect_timeout(&target, std::time::Duration::from_secs(4)).is_ok();
    route("del");
    reached
}

fn take_down(site: &Site, made: &Exercise, instances: &[&str], elastic: &str) {
    let early = site.try_aws(&["delete-vpc", "--vpc-id", &made.vpc]);
    assert!(early.err.contains("DependencyViolation"), "{}", early.err);
    site.aws(&[&["terminate-instances", "--instance-ids"], instances].concat());
    for instance in instances {
        site.wait_for(instance, "terminated");
    }
    site.aws(&["release-address", "--allocation-id", elastic]);
    for subnet in [&made.public, &made.private] {
        site.aws(&["delete-subnet", "--subnet-id", subnet]);
    }
    for table in [&made.public_table, &made.private_table] {
        site.aws(&["delete-route-table", "--route-table-id", table]);
    }
    for group in [&made.inner_group, &made.bastion_group] {
        site.aws(&["delete-security-group", "--group-id", group]);
    }
    let gateway = ["--internet-gateway-id", &made.gateway];
    site.aws(&[&["detach-internet-gateway", "--vpc-id", &made.vpc], gateway.as_slice()].concat());
    site.aws(&[&["delete-internet-gateway"], gateway.as_slice()].concat());
    site.aws(&["delete-vpc", "--vpc-id", &made.vpc]);
}
