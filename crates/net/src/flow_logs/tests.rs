//! What accounts add up to, what records say, and what files hold.

use std::collections::HashMap;
use std::net::IpAddr;

use cumulet_model::flow_log::{FlowLogTraffic, LogFormat};
use cumulet_model::place::Region;
use cumulet_model::{InterfaceId, MacAddr};
use cumulet_ports::network::{
    FlowLogScope, FlowLogSpec, InterfaceSpec, NatGatewaySpec, RouteSpec, RouteTableSpec, RouteTarget,
    SubnetSpec, VpcSpec,
};
use proptest::prelude::*;

use super::books::{Books, Closed};
use super::packet::{Packet, Tuple};
use super::report::{self, Site};
use super::scene::Scene;
use super::sighting::{Connection, Refusal};
use super::stage::Stage;
use super::table::{Bounds, Table};

const BEGUN: i64 = 1_800_000_000;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn interface_id(n: u8) -> InterfaceId {
    format!("eni-{n:017x}").parse().expect("an id")
}

fn interface(n: u8) -> InterfaceSpec {
    let private_ip = std::net::Ipv4Addr::new(10, 0, 0, n);
    InterfaceSpec {
        id: interface_id(n),
        instance_id: format!("i-{n:017x}").parse().expect("an id"),
        subnet_id: "subnet-00000000000000001".parse().expect("an id"),
        mac: MacAddr::for_private_ip(1, private_ip),
        private_ip,
        public_ip: None,
        secondary: vec![],
        ipv6: vec![],
        groups: vec![],
        source_dest_check: true,
        host_name: String::new(),
        queues: 1,
    }
}

fn vpc() -> VpcSpec {
    let subnet = SubnetSpec::new(
        "subnet-00000000000000001".parse().expect("an id"),
        "10.0.0.0/24".parse().expect("a net"),
    );
    VpcSpec {
        subnets: vec![subnet],
        interfaces: vec![interface(5), interface(6), interface(7)],
        ..VpcSpec::open(
            "vpc-00000000000000001".parse().expect("an id"),
            "10.0.0.0/16".parse().expect("a net"),
        )
    }
}

fn scene(vpc: &VpcSpec) -> Scene {
    let taps: HashMap<u32, InterfaceId> =
        [(50, interface_id(5)), (60, interface_id(6)), (70, interface_id(7))].into();
    Scene::new(vpc, &taps)
}

fn log(traffic: FlowLogTraffic, scope: FlowLogScope, format: &str) -> FlowLogSpec {
    FlowLogSpec {
        id: "fl-00000000000000001".parse().expect("an id"),
        scope,
        traffic,
        aggregation_seconds: 60,
        format: if format.is_empty() { LogFormat::default() } else { format.parse().expect("a format") },
        account: "123456789012".into(),
        zones: vec![("subnet-00000000000000001".parse().expect("an id"), "use1-az1".into())],
    }
}

fn tcp(from: (&str, u16), to: (&str, u16)) -> Tuple {
    Tuple {
        protocol: 6,
        source: address(from.0),
        destination: address(to.0),
        source_port: from.1,
        destination_port: to.1,
    }
}

fn connection(original: Tuple, reply: Tuple, sent: u64, answered: u64) -> Connection {
    Connection {
        original,
        reply,
        sent: Some((sent, sent * 100)),
        answered: Some((answered, answered * 1000)),
        started: Some(BEGUN + 5),
        stopped: None,
        tcp_state: Some(3),
        assured: true,
    }
}

fn refusal(stage: Stage, tuple: Tuple, links: (u32, u32)) -> Refusal {
    let packet = Packet { tuple, bytes: 60, tcp_flags: 2 };
    Refusal { stage, known: false, let_out: true, packet, input: links.0, output: links.1 }
}

fn lines(closed: &[Closed]) -> Vec<String> {
    let site =
        Site { vpc: "vpc-00000000000000001".parse().expect("an id"), region: Region::new("us-east-1", 1) };
    let text: String = closed.iter().map(|closed| report::records(&site, closed).0).collect();
    text.lines().map(str::to_owned).collect()
}

/// What a log of one interval says of a VPC after something was told.
fn recorded(vpc: &VpcSpec, log: FlowLogSpec, tell: impl FnOnce(&mut Books)) -> Vec<String> {
    let mut books = Books::new(Bounds::default(), BEGUN);
    books.change(scene(vpc), &[log], BEGUN);
    tell(&mut books);
    assert_eq!(books.close_ended(BEGUN + 59), [], "the interval is not over");
    lines(&books.close_ended(BEGUN + 60))
}

#[test]
fn neighbours_both_see_a_connection_both_ways() {
    let there = tcp(("10.0.0.5", 40000), ("10.0.0.6", 22));
    let told = recorded(&vpc(), log(FlowLogTraffic::All, FlowLogScope::Vpc, ""), |books| {
        books.connection(&connection(there, there.inverse(), 20, 10), BEGUN + 30);
    });
    let line = |eni: u8, flow: &str, counts: &str| {
        format!(
            "2 123456789012 {} {flow} 6 {counts} {} {} ACCEPT OK",
            interface_id(eni),
            BEGUN + 5,
            BEGUN + 30
        )
    };
    let (out, back) = ("10.0.0.5 10.0.0.6 40000 22", "10.0.0.6 10.0.0.5 22 40000");
    assert_eq!(
        told,
        [
            line(5, back, "10 10000"),
            line(5, out, "20 2000"),
            line(6, out, "20 2000"),
            line(6, back, "10 10000"),
            format!("2 123456789012 {} - - - - - - - {BEGUN} {} - NODATA", interface_id(7), BEGUN + 60),
        ]
    );
}

#[test]
fn a_public_address_is_not_seen_by_the_interface() {
    let vpc = vpc();
    let format = "${interface-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} \
                  ${traffic-path} ${tcp-flags} ${type} ${az-id} ${sublocation-id} ${version}";
    let to_world = tcp(("10.0.0.5", 40000), ("192.0.2.1", 443));
    let answer = tcp(("192.0.2.1", 443), ("198.18.0.5", 40000));
    let only = FlowLogScope::Interface(interface_id(5));
    let told = recorded(&vpc, log(FlowLogTraffic::Accept, only, format), |books| {
        books.connection(&connection(to_world, answer, 2, 1), BEGUN + 30);
    });
    let eni = interface_id(5);
    assert_eq!(
        told,
        [
            format!("{eni} 192.0.2.1 10.0.0.5 192.0.2.1 10.0.0.5 ingress - 18 IPv4 use1-az1 - 5"),
            format!("{eni} 10.0.0.5 192.0.2.1 10.0.0.5 192.0.2.1 egress 8 2 IPv4 use1-az1 - 5"),
        ]
    );
}

#[test]
fn a_nat_gateway_sees_both_of_its_sides() {
    let mut vpc = vpc();
    vpc.nat_gateways.push(NatGatewaySpec {
        id: "nat-00000000000000001".parse().expect("an id"),
        interface_id: interface_id(9),
        subnet_id: vpc.subnets[0].id.clone(),
        private_ip: "10.0.0.220".parse().expect("an address"),
        public_ip: "198.18.0.9".parse().expect("an address"),
        max_connections: 55_000,
    });
    let to_world = tcp(("10.0.0.5", 40000), ("203.0.113.5", 443));
    let answer = tcp(("203.0.113.5", 443), ("198.18.0.9", 1024));
    let scope = FlowLogScope::Interface(interface_id(9));
    let format =
        "${instance-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} ${packets}";
    let told = recorded(&vpc, log(FlowLogTraffic::All, scope, format), |books| {
        books.connection(&connection(to_world, answer, 3, 2), BEGUN + 30);
    });
    let mut told = told;
    told.sort();
    assert_eq!(
        told,
        [
            "- 10.0.0.220 10.0.0.5 203.0.113.5 10.0.0.5 egress 2",
            "- 10.0.0.220 203.0.113.5 10.0.0.220 203.0.113.5 egress 3",
            "- 10.0.0.5 10.0.0.220 10.0.0.5 203.0.113.5 ingress 3",
            "- 203.0.113.5 10.0.0.220 203.0.113.5 10.0.0.220 ingress 2",
        ]
    );
}

#[test]
fn an_instance_that_forwards_sees_what_it_is_led() {
    let mut vpc = vpc();
    let route = RouteSpec {
        to: "0.0.0.0/0".parse().expect("a net"),
        target: RouteTarget::Interface(interface_id(7)),
    };
    vpc.route_tables =
        vec![RouteTableSpec { id: "rtb-00000000000000001".parse().expect("an id"), routes: vec![route] }];
    let to_world = tcp(("10.0.0.5", 40000), ("192.0.2.1", 443));
    let scope = FlowLogScope::Interface(interface_id(7));
    let format = "${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction}";
    let told = recorded(&vpc, log(FlowLogTraffic::All, scope, format), |books| {
        books.connection(&connection(to_world, to_world.inverse(), 1, 1), BEGUN + 30);
    });
    assert_eq!(
        told,
        ["10.0.0.5 10.0.0.7 10.0.0.5 192.0.2.1 ingress", "10.0.0.7 10.0.0.5 192.0.2.1 10.0.0.5 egress"]
    );
}

#[test]
fn who_refuses_has_the_record() {
    let there = tcp(("10.0.0.5", 40000), ("10.0.0.6", 23));
    let format =
        "${interface-id} ${srcaddr} ${dstport} ${packets} ${bytes} ${action} ${flow-direction} ${tcp-flags}";
    let told = |stage| {
        let log = log(FlowLogTraffic::All, FlowLogScope::Vpc, format);
        let mut told =
            recorded(&vpc(), log, |books| books.refusal(&refusal(stage, there, (50, 60)), BEGUN + 1));
        told.retain(|line| !line.contains(" - "));
        told
    };
    let rejected = |eni: u8, way: &str| format!("{} 10.0.0.5 23 1 60 REJECT {way} 2", interface_id(eni));
    let passed = format!("{} 10.0.0.5 23 1 60 ACCEPT egress 2", interface_id(5));
    for stage in [Stage::Out, Stage::AclOut] {
        assert_eq!(told(stage), [rejected(5, "egress")], "{stage:?}");
    }
    for stage in [Stage::In, Stage::AclIn] {
        assert_eq!(told(stage), [passed.clone(), rejected(6, "ingress")], "{stage:?}");
    }
}

#[test]
fn an_answer_that_an_acl_refuses_is_not_counted_as_let_through() {
    let there = tcp(("10.0.0.5", 40000), ("10.0.0.6", 22));
    let format = "${interface-id} ${packets} ${bytes} ${action} ${flow-direction}";
    let told = recorded(&vpc(), log(FlowLogTraffic::All, FlowLogScope::Vpc, format), |books| {
        let refused = Refusal { known: true, ..refusal(Stage::AclOut, there.inverse(), (60, 50)) };
        books.refusal(&refused, BEGUN + 1);
        let mut counted = connection(there, there.inverse(), 1, 1);
        counted.answered = Some((1, 60));
        books.connection(&counted, BEGUN + 30);
    });
    let line = |eni: u8, rest: &str| format!("{} {rest}", interface_id(eni));
    assert_eq!(
        told,
        [
            line(5, "1 100 ACCEPT egress"),
            line(6, "1 100 ACCEPT ingress"),
            line(6, "1 60 REJECT egress"),
            line(7, "- - - -"),
        ]
    );
}

#[test]
fn the_vpcs_own_services_are_no_concern_of_logs() {
    let asks = |to: &str, port| tcp(("10.0.0.5", 40000), (to, port));
    let services =
        [asks("10.0.0.2", 53), asks("169.254.169.254", 80), asks("10.0.0.1", 0), asks("255.255.255.255", 67)];
    let told = recorded(&vpc(), log(FlowLogTraffic::All, FlowLogScope::Vpc, "${log-status}"), |books| {
        for tuple in services {
            books.connection(&connection(tuple, tuple.inverse(), 1, 1), BEGUN + 1);
            books.refusal(&refusal(Stage::Out, tuple, (50, 0)), BEGUN + 1);
        }
    });
    assert_eq!(told, ["NODATA"; 3]);
}

#[test]
fn what_is_not_recorded_is_told() {
    let older = tcp(("10.0.0.5", 40000), ("192.0.2.1", 443));
    let format = "${interface-id} ${log-status}";
    let told = recorded(&vpc(), log(FlowLogTraffic::Accept, FlowLogScope::Vpc, format), |books| {
        let uncounted = Connection { sent: None, answered: None, ..connection(older, older.inverse(), 0, 0) };
        books.connection(&uncounted, BEGUN + 1);
    });
    let status = |eni: u8, status: &str| format!("{} {status}", interface_id(eni));
    assert_eq!(told, [status(5, "SKIPDATA"), status(6, "NODATA"), status(7, "NODATA")]);

    let lost = |traffic| {
        recorded(&vpc(), log(traffic, FlowLogScope::Vpc, "${log-status}"), |books| {
            books.lost(super::sighting::Action::Reject, 3);
        })
    };
    assert_eq!(lost(FlowLogTraffic::All), ["SKIPDATA"; 3]);
    assert_eq!(lost(FlowLogTraffic::Accept), ["NODATA"; 3], "it would not have recorded what was lost");
}

#[test]
fn a_scan_is_held_within_bounds_and_counted() {
    let bounds = Bounds { interface: 10, all: 25 };
    let mut books = Books::new(bounds, BEGUN);
    let spec = log(FlowLogTraffic::Reject, FlowLogScope::Vpc, "");
    books.change(scene(&vpc()), &[spec], BEGUN);
    for port in 0..1000 {
        let probe = tcp(("10.0.0.5", 40000), ("10.0.0.6", port));
        books.refusal(&refusal(Stage::Out, probe, (50, 60)), BEGUN + 1);
    }
    let closed = books.close_ended(BEGUN + 60);
    assert_eq!(closed[0].seen[0].flows.len(), 10);
    assert_eq!(closed[0].seen[0].skipped, 990);
    assert!(lines(&closed).iter().any(|line| line.ends_with("SKIPDATA")));
}

#[test]
fn a_log_begins_and_ends_with_what_it_is_told() {
    let mut books = Books::new(Bounds::default(), BEGUN);
    let (vpc, spec) = (vpc(), log(FlowLogTraffic::All, FlowLogScope::Vpc, "${packets}"));
    let there = tcp(("10.0.0.5", 40000), ("10.0.0.6", 22));
    let told = |packets| connection(there, there.inverse(), packets, 0);
    books.connection(&told(100), BEGUN + 1);
    books.change(scene(&vpc), std::slice::from_ref(&spec), BEGUN + 10);
    books.connection(&told(7), BEGUN + 20);
    books.change(scene(&vpc), std::slice::from_ref(&spec), BEGUN + 25);
    books.connection(&told(5), BEGUN + 30);
    let closed = books.change(scene(&vpc), &[], BEGUN + 40);
    assert_eq!((closed[0].from, closed[0].to), (BEGUN + 10, BEGUN + 40));
    assert_eq!(lines(&closed), ["12", "12", "-"]);
    books.connection(&told(9), BEGUN + 50);
    assert_eq!(books.close_ended(BEGUN + 100), []);
}

/// Packets in, as told, against packets out, as recorded.
#[derive(Debug, Clone)]
enum Event {
    Connection { ports: (u16, u16), sent: u64, answered: u64 },
    Refused { port: u16, stage: usize },
    Close,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => ((0u16..6, 0u16..3), 0u64..50, 0u64..50)
            .prop_map(|(ports, sent, answered)| Event::Connection { ports, sent, answered }),
        3 => (0u16..6, 0usize..4).prop_map(|(port, stage)| Event::Refused { port, stage }),
        1 => Just(Event::Close),
    ];
    proptest::collection::vec(event, 0..60)
}

proptest! {
    #[test]
    fn no_packet_comes_or_goes_unnoticed(events in events(), room in 1usize..20) {
        let mut books = Books::new(Bounds { interface: room, all: room * 2 }, BEGUN);
        let vpc = vpc();
        books.change(scene(&vpc), &[log(FlowLogTraffic::All, FlowLogScope::Vpc, "")], BEGUN);
        let (mut told, mut recorded, mut now) = (0u64, 0u64, BEGUN);
        let mut add = |closed: Vec<Closed>| {
            for seen in closed.iter().flat_map(|closed| &closed.seen) {
                recorded += seen.skipped + seen.flows.iter().map(|(_, count)| count.packets).sum::<u64>();
            }
        };
        for event in events {
            now += 1;
            match event {
                Event::Connection { ports, sent, answered } => {
                    let there = tcp(("10.0.0.5", ports.0), ("10.0.0.6", ports.1));
                    books.connection(&connection(there, there.inverse(), sent, answered), now);
                    // Sender and receiver each see both ways.
                    told += 2 * (sent + answered);
                }
                Event::Refused { port, stage } => {
                    let stage = Stage::ALL[stage];
                    let probe = tcp(("10.0.0.6", port), ("10.0.0.7", 1));
                    books.refusal(&refusal(stage, probe, (60, 70)), now);
                    told += if matches!(stage, Stage::In | Stage::AclIn) { 2 } else { 1 };
                }
                Event::Close => add(books.close_all(now)),
            }
        }
        add(books.close_all(now + 1));
        prop_assert_eq!(recorded, told);
    }

    #[test]
    fn an_account_is_bounded_and_what_is_undone_is_never_more_than_was_counted(
        steps in proptest::collection::vec((any::<bool>(), 0u16..40, 1u64..9), 0..200),
    ) {
        let vpc = vpc();
        let scene = scene(&vpc);
        let mut table = Table::new(Bounds { interface: 8, all: 12 });
        let (mut counted, mut undone, mut skipped) = (0u64, 0u64, 0u64);
        for (undo, port, packets) in steps {
            let there = tcp(("10.0.0.5", port), ("192.0.2.1", 80));
            let seen = connection(there, there.inverse(), packets, 0).sightings(&scene, BEGUN, BEGUN + 1);
            for sighting in &seen {
                if undo { table.undo(sighting) } else { table.count(sighting) }
            }
            if undo { undone += packets } else { counted += packets }
            prop_assert!(table.flows() <= 12);
        }
        let mut recorded = 0;
        for seen in table.close() {
            prop_assert!(seen.flows.len() <= 8);
            recorded += seen.flows.iter().map(|(_, count)| count.packets).sum::<u64>();
            skipped += seen.skipped;
        }
        prop_assert!(recorded <= counted);
        prop_assert!(recorded + skipped + undone >= counted);
    }
}

mod files {
    use std::fs;
    use std::path::PathBuf;
    use std::time::Duration;

    use cumulet_model::FlowLogId;
    use cumulet_ports::network::FlowLogLine;

    use super::super::archive::{Archive, ArchiveConfig};
    use super::super::log::{Counts, files};
    use super::super::tail;

    fn id(n: u8) -> FlowLogId {
        format!("fl-{n:017x}").parse().expect("an id")
    }

    fn archive(dir: &tempfile::TempDir, change: impl FnOnce(&mut ArchiveConfig)) -> Archive {
        let mut config = ArchiveConfig::new(dir.path());
        change(&mut config);
        Archive::new(config)
    }

    fn text(dir: &tempfile::TempDir) -> Vec<String> {
        let dir: PathBuf = dir.path().join(id(1).as_str());
        files(&dir).expect("the files").iter().map(|path| fs::read_to_string(path).expect("a file")).collect()
    }

    #[test]
    fn a_line_that_was_cut_off_is_cut_when_a_log_is_opened_again() {
        let dir = tempfile::tempdir().expect("a directory");
        archive(&dir, |_| {}).keep(&id(1), "a b").append("1 2\n", Counts::default());
        let path = files(&dir.path().join(id(1).as_str())).expect("the files").remove(0);
        fs::write(&path, "a b\n1 2\n3 ").expect("a crash");
        let log = archive(&dir, |_| {}).keep(&id(1), "a b");
        log.append("5 6\n", Counts { skipped_packets: 7, ..Counts::default() });
        assert_eq!(text(&dir), ["a b\n1 2\n5 6\n"]);
        assert_eq!(log.counts().0, Counts { records: 2, skipped_packets: 7, ..Counts::default() });
    }

    #[test]
    fn files_follow_each_other_and_the_oldest_go() {
        let dir = tempfile::tempdir().expect("a directory");
        let archive = archive(&dir, |config| (config.file_bytes, config.log_bytes) = (100, 300));
        let log = archive.keep(&id(1), "a b");
        for n in 100..200 {
            log.append(&format!("{n} {n}\n{n} x\n"), Counts::default());
        }
        let texts = text(&dir);
        assert!(texts.len() > 1 && texts.iter().map(String::len).sum::<usize>() <= 300, "{texts:?}");
        assert!(texts.iter().all(|text| text.starts_with("a b\n") && text.len() <= 100), "{texts:?}");
        let all: Vec<&str> = texts.iter().flat_map(|text| text.lines().skip(1)).collect();
        assert_eq!(all.last(), Some(&"199 x"));
        assert!(all.is_sorted(), "{all:?}");
        assert_eq!(log.counts().0.records, 200);
    }

    #[test]
    fn another_form_begins_another_file() {
        let dir = tempfile::tempdir().expect("a directory");
        archive(&dir, |_| {}).keep(&id(1), "a b").append("1 2\n", Counts::default());
        archive(&dir, |_| {}).keep(&id(1), "b a").append("2 1\n", Counts::default());
        assert_eq!(text(&dir), ["a b\n1 2\n", "b a\n2 1\n"]);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join(id(1).as_str()), "no directory").expect("a file in the way");
        let log = archive(&dir, |_| {}).keep(&id(1), "a");
        log.append("1\n2\n", Counts::default());
        let (counts, failure) = log.counts();
        assert_eq!((counts.records, counts.lost_records), (0, 2));
        assert!(failure.is_some());
    }

    #[test]
    fn files_of_deleted_logs_have_their_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let archive = archive(&dir, |config| config.keep = Duration::ZERO);
        archive.keep(&id(1), "a").append("1\n", Counts::default());
        archive.prune();
        assert_eq!(text(&dir).len(), 1, "a log that is kept has its newest file");
        archive.tend(&Default::default());
        std::thread::sleep(Duration::from_millis(5));
        archive.prune();
        assert!(!dir.path().join(id(1).as_str()).exists());
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_of_what_it_missed() {
        let dir = tempfile::tempdir().expect("a directory");
        let archive = archive(&dir, |config| (config.file_bytes, config.log_bytes) = (4000, 8000));
        let log = archive.keep(&id(1), "n");
        let put = |numbers: std::ops::Range<u32>| {
            let lines: String = numbers.map(|n| format!("{n}\n")).collect();
            log.append(&lines, Counts::default());
        };
        put(1000..1010);
        let mut lines = tail::read(&log, 3, true);
        for expected in ["1007", "1008", "1009"] {
            assert_eq!(lines.recv().await, Some(FlowLogLine::Record(expected.into())));
        }
        put(1010..1012);
        assert_eq!(lines.recv().await, Some(FlowLogLine::Record("1010".into())));
        for n in 0..30 {
            put(2000 + n * 100..2100 + n * 100);
        }
        let mut gaps = 0;
        loop {
            match lines.recv().await.expect("more") {
                FlowLogLine::Record(line) if line == "4999" => break,
                FlowLogLine::Gap => gaps += 1,
                FlowLogLine::Record(_) => {}
                FlowLogLine::Failed(error) => panic!("{error}"),
            }
        }
        assert!(gaps > 0, "15,000 bytes came and 8,000 are kept");
        let mut last = tail::read(&log, 500, false);
        let mut count = 0;
        while last.recv().await.is_some() {
            count += 1;
        }
        assert_eq!(count, 500);
        drop(log);
        archive.tend(&Default::default());
        assert_eq!(lines.recv().await, None, "the log is no more");
    }
}
