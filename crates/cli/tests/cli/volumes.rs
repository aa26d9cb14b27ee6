//! Volumes and interfaces by the command.

use crate::bench::{Bench, row};

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_is_made_attached_grown_detached_and_removed() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web"]).await;
    let table = bench.ok(&["volume", "create", "2", "--name", "data", "--type", "gp3"]).await;
    assert_eq!(row(&table, "data")[1..5], ["data", "2 GiB", "gp3", "available"], "{table}");
    let table = bench.ok(&["volume", "attach", "data", "web"]).await;
    assert_eq!(row(&table, "data")[4..7], ["in-use", "web", "/dev/sdf"], "{table}");
    let volumes = bench.json(&["volume", "ls", "--of", "web"]).await;
    assert_eq!(volumes["volumes"].as_array().unwrap().len(), 2, "the root volume and this one");
    let table = bench.ok(&["volume", "resize", "data", "3"]).await;
    assert_eq!(row(&table, "data")[2], "3 GiB");
    let ran = bench.run(&["volume", "rm", "data"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("VolumeInUse"), "{ran:?}");
    let ran = bench.run(&["volume", "resize", "data"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let table = bench.ok(&["volume", "detach", "data"]).await;
    assert_eq!(row(&table, "data")[4], "available");
    bench.ok(&["volume", "rm", "data"]).await;
    assert_eq!(bench.run(&["volume", "attach", "nothing", "web"]).await.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interface_is_made_attached_changed_detached_and_removed() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web"]).await;
    bench.ok(&["group", "create", "back"]).await;
    let made = bench.json(&["interface", "create", "--description", "second", "--group", "back"]).await;
    let id = made["network_interfaces"][0]["id"].as_str().unwrap().to_owned();
    let table = bench.ok(&["interface", "attach", &id, "web"]).await;
    let cells = row(&table, &id);
    assert_eq!((cells[1], cells[5], cells[6]), ("in-use", "1", "back"), "{table}");
    let changed = bench.json(&["interface", "modify", &id, "--source-dest-check", "false"]).await;
    assert_eq!(changed["network_interfaces"][0]["source_dest_check"], false);
    let list = bench.json(&["interface", "ls", "--of", "web"]).await;
    assert_eq!(list["network_interfaces"].as_array().unwrap().len(), 2);
    let table = bench.ok(&["interface", "detach", &id]).await;
    assert_eq!(row(&table, &id)[1], "available");
    bench.ok(&["interface", "rm", &id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_changed_and_the_network_listed() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web"]).await;
    bench
        .ok(&["modify", "web", "--termination-protection", "true", "--shutdown-behavior", "terminate"])
        .await;
    let shown = bench.json(&["show", "web"]).await;
    assert_eq!(shown["instance"]["disable_api_termination"], true);
    assert_eq!(shown["instance"]["shutdown_behavior"], "terminate");
    let ran = bench.run(&["terminate", "web"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("OperationNotPermitted"), "{ran:?}");
    let ran = bench.run(&["modify", "web", "--type", "t3.small"]).await;
    assert!(ran.stderr.contains("IncorrectInstanceState"), "{ran:?}");
    assert_eq!(bench.run(&["modify", "web"]).await.code, 2);
    let table = bench.ok(&["subnets"]).await;
    assert!(row(&table, "us-east-1a").contains(&"172.31.0.0/20"), "{table}");
    assert!(bench.ok(&["vpcs"]).await.contains("172.31.0.0/16"));
}
