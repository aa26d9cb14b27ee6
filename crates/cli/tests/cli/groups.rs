//! Security groups in the words of people.

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn ports_are_opened_and_closed_in_plain_words() {
    let bench = Bench::new().await;
    bench.ok(&["group", "create", "web", "--description", "web servers"]).await;
    bench.ok(&["group", "create", "db"]).await;
    let shown = bench.ok(&["group", "allow", "web", "tcp:22,80", "icmp", "from", "anywhere"]).await;
    for rule in ["tcp:22 from 0.0.0.0/0", "tcp:80 from 0.0.0.0/0", "icmp from 0.0.0.0/0", "all to 0.0.0.0/0"]
    {
        assert!(shown.contains(rule), "{rule} in\n{shown}");
    }
    let shown = bench.ok(&["group", "allow", "db", "tcp:5432 from web", "udp:53", "to", "10.0.0.1"]).await;
    assert!(shown.contains("tcp:5432 from web") && shown.contains("udp:53 to 10.0.0.1/32"), "{shown}");

    let shown = bench.ok(&["group", "deny", "web", "tcp:80 from 0.0.0.0/0"]).await;
    assert!(!shown.contains("tcp:80") && shown.contains("tcp:22"), "{shown}");
    let rules = bench.json(&["group", "show", "web"]).await;
    let ids: Vec<_> =
        rules["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    let shown = bench.ok(&[&["group", "deny", "web"], ids.as_slice()].concat()).await;
    assert_eq!(shown.lines().count(), 2, "inward and outward ones, by id\n{shown}");

    let ran = bench.run(&["group", "deny", "web", "tcp:80", "from", "anywhere"]).await;
    assert_eq!((ran.code, ran.stderr.contains("InvalidPermission.NotFound")), (4, true), "{ran:?}");
    let ran = bench.run(&["group", "allow", "web", "tcp:80"]).await;
    assert_eq!((ran.code, ran.stderr.contains("whom")), (2, true), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_when_nothing_uses_it() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["group", "create", "web"]).await;
    bench.ok(&["run", "debian-12", "--name", "a", "--group", "web"]).await;
    let ran = bench.run(&["group", "rm", "web"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("DependencyViolation"), "{ran:?}");
    bench.ok(&["terminate", "a"]).await;
    bench.ok(&["group", "rm", "web"]).await;
    let table = bench.ok(&["group", "ls"]).await;
    assert!(!table.contains("web") && table.contains("default"), "{table}");
}
