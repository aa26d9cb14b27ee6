//! Flow logs: what connections and refused packets leave in files, while the daemon lives and when it does not.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cumulet_model::flow_log::LogFormat;
use cumulet_net::flow_logs::ArchiveConfig;
use cumulet_ports::network::{
    AclEntry, AclSpec, FlowLogLine, FlowLogScope, FlowLogSpec, FlowLogTraffic, Network,
};

use crate::guest::PATIENCE;
use crate::world::{World, cidr, interface_id, members, story, tcp};

const FORMAT: &str = "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} \
                      ${action} ${log-status} ${flow-direction} ${start} ${end} ${tcp-flags} ${pkt-srcaddr}";

/// A record of [`FORMAT`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record(Vec<String>);

impl Record {
    fn of(line: &str) -> Self {
        Self(line.split(' ').map(str::to_owned).collect())
    }

    fn is(&self, interface: u8, action: &str, direction: &str) -> bool {
        self.0[0] == interface_id(interface).as_str() && self.0[8] == action && self.0[10] == direction
    }

    fn ends(&self) -> (&str, &str, &str) {
        (&self.0[1], &self.0[2], &self.0[4])
    }

    fn number(&self, at: usize) -> u64 {
        self.0[at].parse().unwrap()
    }

    fn has_status(&self, interface: u8, status: &str) -> bool {
        self.0[0] == interface_id(interface).as_str() && self.0[9] == status
    }
}

const PACKETS: usize = 6;
const BYTES: usize = 7;

fn log(traffic: FlowLogTraffic, scope: FlowLogScope) -> FlowLogSpec {
    FlowLogSpec {
        id: "fl-0123456789abcdef0".parse().unwrap(),
        scope,
        traffic,
        aggregation_seconds: 2,
        format: FORMAT.parse::<LogFormat>().unwrap(),
        account: "123456789012".into(),
        zones: vec![],
    }
}

/// A directory for logs that goes with the test.
fn keep_in(world: &mut World) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    world.reconfigure(|config| config.flow_logs = ArchiveConfig::new(dir.path()));
    dir
}

fn files(dir: &tempfile::TempDir) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir.path().join("fl-0123456789abcdef0")) else { return vec![] };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "log"));
    files.sort();
    files
}

fn records(dir: &tempfile::TempDir) -> Vec<Record> {
    let text: Vec<String> = files(dir).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    text.iter().flat_map(|text| text.lines().skip(1)).map(Record::of).collect()
}

/// Waits until the records are as wished.
async fn until(dir: &tempfile::TempDir, wish: impl Fn(&[Record]) -> bool) -> Vec<Record> {
    let begun = Instant::now();
    loop {
        let records = records(dir);
        if wish(&records) {
            return records;
        }
        assert!(begun.elapsed() < PATIENCE, "{records:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn sum<'a>(records: impl Iterator<Item = &'a Record>, at: usize) -> u64 {
    records.map(|record| record.number(at)).sum()
}

#[test]
fn a_connection_is_recorded_by_both_interfaces_both_ways() {
    story("a_connection_is_recorded_by_both_interfaces_both_ways", |mut world: World| async {
        let dir = keep_in(&mut world);
        world.group(1).ingress.push(tcp(22, members(1)));
        world.vpc().flow_logs.push(log(FlowLogTraffic::All, FlowLogScope::Vpc));
        let server = world.launch(5, &[1]).await;
        let client = world.launch(6, &[1]).await;
        let idle = world.launch(7, &[1]).await;
        server.serve(22).await;
        let open = client.connect(server.ip, 22).await.expect("the group allows it");
        let port = open.seen_as.port().to_string();
        open.carries(100_000).expect("it carries");
        let of_client = |record: &Record| record.0[3] == port || record.0[4] == port;
        let told = until(&dir, |records| {
            let way = |n, direction| {
                let of_way = records.iter().filter(|r| of_client(r) && r.is(n, "ACCEPT", direction));
                sum(of_way, BYTES) > 100_000
            };
            way(6, "egress") && way(6, "ingress") && way(5, "egress") && way(5, "ingress")
        })
        .await;
        for (n, direction, ends) in [
            (6, "egress", ("172.31.0.6", "172.31.0.5")),
            (6, "ingress", ("172.31.0.5", "172.31.0.6")),
            (5, "ingress", ("172.31.0.6", "172.31.0.5")),
            (5, "egress", ("172.31.0.5", "172.31.0.6")),
        ] {
            let of_way = || told.iter().filter(|r| of_client(r) && r.is(n, "ACCEPT", direction));
            assert!(of_way().all(|r| (r.ends().0, r.ends().1) == ends), "{told:#?}");
            assert!(of_way().any(|r| r.number(13) & 2 == 2), "SYN of each side: {told:#?}");
        }
        let both = |direction_a, direction_b, at| {
            let of = |n, direction| told.iter().filter(move |r| of_client(r) && r.is(n, "ACCEPT", direction));
            assert_eq!(
                sum(of(6, direction_a), at),
                sum(of(5, direction_b), at),
                "what one sends the other is sent"
            );
        };
        both("egress", "ingress", PACKETS);
        both("ingress", "egress", BYTES);
        until(&dir, |records| records.iter().any(|record| record.has_status(7, "NODATA"))).await;
        assert!(told.iter().all(|record| record.0[1] != "172.31.0.2"), "DNS and DHCP are no concern");
        drop(idle);

        let header = fs::read_to_string(&files(&dir)[0]).unwrap();
        assert!(header.starts_with("interface-id srcaddr dstaddr srcport dstport protocol"), "{header}");
        world.vpc().flow_logs.clear();
        world.apply().await;
        let counted = world.in_vpc("cat /proc/sys/net/netfilter/nf_conntrack_acct");
        assert_eq!(counted.trim(), "0", "without a log no packet is counted");
        world
    });
}

#[test]
fn a_public_address_is_recorded_as_the_interface_sees_it() {
    story("a_public_address_is_recorded_as_the_interface_sees_it", |mut world: World| async {
        let dir = keep_in(&mut world);
        world.group(1).ingress.push(tcp(80, cidr("0.0.0.0/0")));
        let server = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        server.serve(80).await;
        world.vpc().flow_logs.push(log(FlowLogTraffic::Accept, FlowLogScope::Interface(interface_id(5))));
        world.apply().await;
        let public: std::net::Ipv4Addr = "198.18.0.9".parse().unwrap();
        let open = crate::guest::connect_in(&world.host, public, 80).await.expect("from outside");
        let client = open.seen_as.ip().to_string();
        let told = until(&dir, |records| {
            records.iter().any(|r| r.is(5, "ACCEPT", "egress"))
                && records.iter().any(|r| r.is(5, "ACCEPT", "ingress"))
        })
        .await;
        let ingress = told.iter().find(|r| r.is(5, "ACCEPT", "ingress")).unwrap();
        assert_eq!(ingress.ends(), (client.as_str(), "172.31.0.5", "80"));
        let egress = told.iter().find(|r| r.is(5, "ACCEPT", "egress")).unwrap();
        assert_eq!((egress.ends().0, egress.ends().1), ("172.31.0.5", client.as_str()));
        world
    });
}

#[test]
fn a_daemon_that_ends_and_comes_back_says_what_it_missed() {
    story("a_daemon_that_ends_and_comes_back_says_what_it_missed", |mut world: World| async {
        let dir = keep_in(&mut world);
        world.group(1).ingress.push(tcp(22, members(1)));
        world.vpc().flow_logs.push(log(FlowLogTraffic::All, FlowLogScope::Vpc));
        let server = world.launch(5, &[1]).await;
        let client = world.launch(6, &[1]).await;
        server.serve(22).await;
        let mut open = client.connect(server.ip, 22).await.expect("the group allows it");
        let port = open.seen_as.port().to_string();
        until(&dir, |records| records.iter().any(|r| r.0[3] == port)).await;

        world.restart();
        // As after a power cut: the last line is half there.
        let last = files(&dir).pop().unwrap();
        let whole = fs::read_to_string(&last).unwrap();
        fs::write(&last, format!("{whole}eni-half of a li")).unwrap();
        for _ in 0..20 {
            assert!(open.is_alive(), "connections go on without a daemon");
        }
        let before = records(&dir).len() - 1;
        world.apply().await;
        let told = until(&dir, |records| records.iter().skip(before).any(|r| r.0[3] == port)).await;
        assert!(told.iter().all(|record| record.0.len() == 15), "no half lines: {told:#?}");
        assert!(told.iter().any(|record| record.has_status(5, "SKIPDATA")), "{told:#?}");
        let after = || told.iter().skip(before).filter(|r| r.is(6, "ACCEPT", "egress") && r.0[3] == port);
        assert!(sum(after(), PACKETS) >= 20, "the kernel went on counting: {told:#?}");
        world
    });
}

#[test]
fn a_log_is_read_while_it_is_written() {
    story("a_log_is_read_while_it_is_written", |mut world: World| async {
        let dir = keep_in(&mut world);
        world.group(1).ingress.push(tcp(22, members(1)));
        let spec = log(FlowLogTraffic::All, FlowLogScope::Vpc);
        world.vpc().flow_logs.push(spec.clone());
        let server = world.launch(5, &[1]).await;
        let client = world.launch(6, &[1]).await;
        server.serve(22).await;
        until(&dir, |records| !records.is_empty()).await;
        let mut lines = world.net.flow_log_records(&spec.id, 1, true).await.unwrap();
        assert!(matches!(lines.recv().await, Some(FlowLogLine::Record(_))), "the last one that there was");
        let open = client.connect(server.ip, 22).await.expect("the group allows it");
        let port = open.seen_as.port().to_string();
        let followed = tokio::time::timeout(PATIENCE, async {
            loop {
                match lines.recv().await {
                    Some(FlowLogLine::Record(line)) if Record::of(&line).0[3] == port => return,
                    Some(FlowLogLine::Record(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        });
        followed.await.expect("the connection's record");
        assert!(world.net.flow_log_status(&spec.id).await.unwrap().records > 0);
        world.vpc().flow_logs.clear();
        world.apply().await;
        let ended = tokio::time::timeout(PATIENCE, async { while lines.recv().await.is_some() {} });
        ended.await.expect("a log that is deleted has nothing more to tell");
        world
    });
}

fn probes(records: &[Record], n: u8, action: &str, direction: &str, port: &str) -> bool {
    records.iter().any(|r| r.is(n, action, direction) && r.ends().2 == port && r.number(PACKETS) > 0)
}

#[test]
fn what_groups_refuse_is_recorded_by_who_refuses() {
    story("what_groups_refuse_is_recorded_by_who_refuses", |mut world: World| async {
        let dir = keep_in(&mut world);
        world.group(1).ingress.push(tcp(22, members(1)));
        let server = world.launch(5, &[1]).await;
        let client = world.launch(6, &[1]).await;
        // The log comes after the interfaces, as a change of one thing.
        world.vpc().flow_logs.push(log(FlowLogTraffic::Reject, FlowLogScope::Vpc));
        world.apply().await;
        assert!(client.is_refused(server.ip, 23).await);
        let told = until(&dir, |records| probes(records, 5, "REJECT", "ingress", "23")).await;
        assert!(told.iter().all(|record| record.0[8] != "ACCEPT"), "{told:#?}");
        let refused = told.iter().find(|r| r.is(5, "REJECT", "ingress")).unwrap();
        assert_eq!(refused.ends(), ("172.31.0.6", "172.31.0.5", "23"));
        assert_eq!((refused.number(13), refused.number(BYTES)), (2, 60 * refused.number(PACKETS)), "SYNs");

        world.vpc().flow_logs[0].traffic = FlowLogTraffic::All;
        world.group(1).egress.clear();
        world.group(1).egress.push(tcp(22, cidr("0.0.0.0/0")));
        world.apply().await;
        assert!(client.is_refused(server.ip, 24).await, "it may not leave");
        let told = until(&dir, |records| probes(records, 6, "REJECT", "egress", "24")).await;
        assert!(!probes(&told, 5, "REJECT", "ingress", "24"), "the receiver never saw it");
        assert!(!probes(&told, 6, "ACCEPT", "egress", "24"), "{told:#?}");

        world.group(1).egress.push(tcp(25, cidr("0.0.0.0/0")));
        world.apply().await;
        assert!(client.is_refused(server.ip, 25).await, "it may not come in");
        until(&dir, |records| {
            probes(records, 6, "ACCEPT", "egress", "25") && probes(records, 5, "REJECT", "ingress", "25")
        })
        .await;
        assert_eq!(world.apply().await, Vec::<String>::new(), "it is all as wished");
        world
    });
}

#[test]
fn an_answer_that_an_acl_refuses_is_recorded_so() {
    story("an_answer_that_an_acl_refuses_is_recorded_so", |mut world: World| async {
        let dir = keep_in(&mut world);
        world.group(1).ingress.push(crate::world::all(cidr("0.0.0.0/0")));
        world.vpc().flow_logs.push(log(FlowLogTraffic::All, FlowLogScope::Vpc));
        let everything = |allow| AclEntry {
            number: 100,
            allow,
            traffic: cumulet_model::security::Traffic::All,
            cidr: "0.0.0.0/0".parse().unwrap(),
        };
        world.vpc().subnets[0].acl = Some(AclSpec { ingress: vec![everything(true)], egress: vec![] });
        let server = world.launch(5, &[1]).await;
        let client = world.launch(100 + 6, &[1]).await;
        assert!(!client.pings(server.ip).await, "the answers don't get out");
        let is_ping = |r: &Record| r.0[5] == "1";
        let told = until(&dir, |records| {
            let of = |n, action, direction| records.iter().any(|r| is_ping(r) && r.is(n, action, direction));
            of(5, "ACCEPT", "ingress") && of(5, "REJECT", "egress") && of(106, "ACCEPT", "egress")
        })
        .await;
        let pings = |n, action, direction| {
            sum(told.iter().filter(|r| is_ping(r) && r.is(n, action, direction)), PACKETS)
        };
        assert_eq!(pings(5, "ACCEPT", "egress"), 0, "{told:#?}");
        assert_eq!(pings(106, "ACCEPT", "ingress"), 0, "{told:#?}");
        assert_eq!(pings(5, "REJECT", "egress"), pings(5, "ACCEPT", "ingress"), "{told:#?}");
        world
    });
}

#[test]
fn a_flood_is_held_within_bounds_and_told() {
    story("a_flood_is_held_within_bounds_and_told", |mut world: World| async {
        let dir = keep_in(&mut world);
        world.group(1).egress.clear();
        let spec = log(FlowLogTraffic::Reject, FlowLogScope::Vpc);
        world.vpc().flow_logs.push(FlowLogSpec { aggregation_seconds: 5, ..spec.clone() });
        let client = world.launch(6, &[1]).await;
        let _neighbour = world.launch(5, &[1]).await;
        // 30,000 flows from one guest: three times what an interface's account holds.
        let sent = client
            .ns
            .run(|| {
                let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
                let sends = (1..=30_000u16).filter(|port| {
                    std::thread::sleep(Duration::from_micros(if port % 100 == 0 { 1000 } else { 0 }));
                    socket.send_to(b"x", ("172.31.0.5", *port)).is_ok()
                });
                sends.count()
            })
            .await
            .unwrap();
        assert!(sent > 20_000, "{sent}");
        let begun = Instant::now();
        let status = loop {
            let status = world.net.flow_log_status(&spec.id).await.unwrap();
            if status.records > 1_000 && status.skipped_packets + status.lost_messages > 0 {
                break status;
            }
            assert!(begun.elapsed() < 2 * PATIENCE, "{status:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let told = until(&dir, |records| records.iter().any(|r| r.has_status(6, "SKIPDATA"))).await;
        assert!(told.iter().filter(|r| r.is(6, "REJECT", "egress")).count() > 1_000);
        println!("{sent} refused packets of as many flows: {status:?}");
        world
    });
}
