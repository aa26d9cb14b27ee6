//! Nothing is left behind: after fifty launches and terminations, and after a teardown.

use std::process::Command;

use cumulet_e2e::{Site, eventually, run_ok};

/// The host's firewall without counters, comments and times.
fn firewall() -> String {
    let saved = run_ok(&mut Command::new("iptables-save"));
    let lines = saved.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(" [").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn fifty_launches_and_terminations_leave_nothing() {
    let Some(site) = Site::new("fifty launches") else { return };
    let before = site.traces();
    let mut launched = 0;
    while launched < 50 {
        let image = site.image().to_owned();
        let told = site.aws_json(&[
            "run-instances",
            "--image-id",
            &image,
            "--instance-type",
            "test.tiny",
            "--count",
            "10",
        ]);
        let ids: Vec<String> = told["Instances"]
            .as_array()
            .unwrap()
            .iter()
            .map(|instance| instance["InstanceId"].as_str().unwrap().to_owned())
            .collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        launched += ids.len();
        site.aws(&[&["wait", "instance-running", "--instance-ids"], ids.as_slice()].concat());
        site.aws(&[&["terminate-instances", "--instance-ids"], ids.as_slice()].concat());
        eventually("all are terminated", || {
            let query = "Reservations[].Instances[].State.Name";
            let states = site.aws(&["describe-instances", "--query", query, "--output", "text"]);
            states.split_whitespace().all(|state| state == "terminated").then_some(())
        });
    }
    for (action, list) in
        [("describe-volumes", "Volumes"), ("describe-network-interfaces", "NetworkInterfaces")]
    {
        assert_eq!(site.aws(&[action, "--query", &format!("length({list})"), "--output", "text"]), "0");
    }
    let files = |dir: &str| std::fs::read_dir(site.path(dir)).map(|entries| entries.count()).unwrap_or(0);
    assert_eq!((files("run/vms"), files("state/volumes"), files("state/tmp")), (0, 0, 0));
    assert_eq!(site.traces(), before);
}

#[test]
fn a_teardown_takes_everything_and_two_are_as_good_as_one() {
    let before = firewall();
    let forwarding = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    let Some(mut site) = Site::new("teardown") else { return };
    let key = site.key_pair("mine");
    let guest = site.guest("mine", &key, &site.group("ssh", &["22"]), &[]);
    assert!(!site.traces().is_empty());
    for _ in 0..2 {
        let done = site.teardown();
        assert!(done.ok, "{}", done.err);
        assert_eq!(site.traces(), Vec::<String>::new());
        assert_eq!(firewall(), before);
        assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap(), forwarding);
    }
    // What is kept is whole: the instance starts again with its disk.
    site.start_daemon();
    site.wait_for(&guest.id, "stopped");
    site.aws(&["start-instances", "--instance-ids", &guest.id]);
    site.reach(&guest.id, &key);
}
