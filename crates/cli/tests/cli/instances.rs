//! Instances, from run to terminate.

use crate::bench::{Bench, row};

#[tokio::test(flavor = "multi_thread")]
async fn from_run_to_terminate() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["key", "create", "me"]).await;
    let args =
        ["run", "debian-12", "--name", "web", "--key", "me", "--type", "t3.small", "--tag", "role=front"];
    let table = bench.ok(&args).await;
    let cells = row(&table, "web");
    assert_eq!(&cells[1..4], ["web", "running", "t3.small"], "it was waited for");
    let id = cells[0].to_owned();

    assert_eq!(bench.ok(&["ls", "-q"]).await.trim(), id);
    let shown = bench.ok(&["show", "web"]).await;
    assert!(shown.contains("role=front") && shown.contains("me"), "{shown}");
    assert_eq!(bench.json(&["show", &id[..8]]).await["instance"]["id"], id, "the beginning of an id will do");

    assert!(row(&bench.ok(&["stop", "web"]).await, &id).contains(&"stopped"));
    assert!(row(&bench.ok(&["start", "web"]).await, &id).contains(&"running"));
    assert!(bench.ok(&["reboot", "web"]).await.contains(&id));
    assert!(row(&bench.ok(&["terminate", "web"]).await, &id).contains(&"terminated"));
    assert!(!bench.ok(&["ls"]).await.contains(&id), "a terminated instance is out of the way");
    assert!(bench.ok(&["ls", "--all"]).await.contains(&id), "but can be seen");
    assert!(bench.test.vms.running().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_launch_can_be_told() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    std::fs::write(bench.path("setup.sh"), "#!/bin/sh\necho hello\n").unwrap();
    bench.ok(&["group", "create", "web"]).await;
    let args = [
        "run",
        "debian-12",
        "--count",
        "2",
        "--group",
        "web",
        "--user-data",
        "setup.sh",
        "--no-public-ip",
        "--disk",
        "20",
        "--volume",
        "/dev/sdf=3",
        "--shutdown-behavior",
        "terminate",
        "--require-imds-token",
        "--no-wait",
    ];
    let launched = bench.json(&args).await;
    let instances = launched["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 2);
    for instance in instances {
        assert_eq!(instance["groups"][0]["name"], "web");
        assert!(instance.get("public_ip").is_none());
        assert_eq!(instance["shutdown_behavior"], "terminate");
        assert_eq!(instance["metadata_options"]["tokens_required"], true);
    }
    let id = instances[0]["id"].as_str().unwrap().parse().unwrap();
    let data = bench.test.cloud.user_data(&id).await.unwrap();
    assert_eq!(data.as_deref(), Some(b"#!/bin/sh\necho hello\n".as_slice()));
    let mut sizes: Vec<_> =
        bench.test.cloud.volumes().await.unwrap().iter().map(|volume| volume.size.0).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [3, 3, 20, 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn user_data_that_cannot_work_is_warned_of_and_launched() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    std::fs::write(bench.path("broken"), "#cloud-config\npackages: [unclosed\n").unwrap();
    let ran = bench.run(&["run", "debian-12", "--user-data", "broken"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("warning: user data:"), "{ran:?}");
    assert_eq!(bench.test.vms.running().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_launches_nothing() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    let ran = bench.run(&["run", "debian-12", "--dry-run"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(bench.test.cloud.instances().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_fails_ends_the_wait_with_its_reason() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.test.faults.fail_after(1);
    let ran = bench.run(&["run", "debian-12"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("is terminated") || ran.stderr.contains("is shutting-down"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_narrowed() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "a", "--tag", "role=ci"]).await;
    bench.ok(&["run", "debian-12", "--name", "b"]).await;
    let only = bench.ok(&["ls", "--tag", "role=ci"]).await;
    assert!(only.lines().count() == 2 && only.contains(" a "), "{only}");
    bench.ok(&["stop", "a"]).await;
    let stopped = bench.json(&["ls", "--state", "stopped"]).await;
    assert_eq!(stopped["instances"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_set_and_removed() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web"]).await;
    let table = bench.ok(&["tag", "web", "role=front", "empty="]).await;
    assert!(table.contains("role") && table.contains("empty") && table.contains("Name"), "{table}");
    let table = bench.ok(&["tag", "web", "--remove", "role"]).await;
    assert!(!table.contains("role"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_keeps_the_memory_and_a_start_that_does_not_want_it() {
    let bench = Bench::new().await;
    bench.test.vms.have_tame_agents();
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web", "--hibernation"]).await;
    bench.ok(&["run", "debian-12", "--name", "other"]).await;
    let refused = bench.run(&["stop", "--hibernate", "other"]).await;
    assert!(refused.stderr.contains("not configured at launch for hibernation"), "{}", refused.stderr);
    assert!(bench.run(&["stop", "--hibernate", "--force", "web"]).await.stderr.contains("--force"));
    bench.ok(&["stop", "--hibernate", "web"]).await;
    assert!(bench.ok(&["show", "web"]).await.contains("its memory is saved"));
    assert_eq!(bench.json(&["show", "web"]).await["instance"]["hibernated"], true);
    bench.ok(&["start", "web"]).await;
    assert_eq!(bench.json(&["show", "web"]).await["instance"]["hibernated"], false);
    bench.ok(&["stop", "--hibernate", "web"]).await;
    bench.ok(&["start", "--discard-memory", "web"]).await;
    let id = bench.json(&["show", "web"]).await["instance"]["id"].as_str().unwrap().parse().unwrap();
    assert!(bench.test.vms.with_spec(&id, |spec| spec.base.is_none()).unwrap());
}
