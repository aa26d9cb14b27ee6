//! Saved machines: kept apart from their source, which may go, as may the daemon; and forked after that.

use std::collections::HashSet;

use cumulet_e2e::{Site, eventually, run, run_ok};
use serde_json::Value;

fn forks_of(site: &Site, arguments: &[&str]) -> Vec<String> {
    let told = run_ok(site.cumulet(&[&["--json", "fork"], arguments].concat()).as_mut());
    let told: Value = serde_json::from_str(&told).unwrap();
    told["instances"].as_array().unwrap().iter().map(|fork| fork["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_saved_machine_outlives_its_source_and_the_daemon_and_is_forked() {
    let Some(mut site) = Site::new("saved machines") else { return };
    let key = site.key_pair("mine");
    let source = site.guest("mine", &key, &site.group("ssh", &["22"]), &[]);
    source.ssh("sudo mkdir -p /run/story && echo begun | sudo tee /run/story/memory && echo begun | sudo tee /disk && sync");
    source.ssh("sudo systemd-run --quiet --unit story sleep infinity");
    let process = source.ssh("systemctl show --property MainPID story");
    let told = run_ok(site.cumulet(&["--json", "save", &source.id, "--name", "ready"]).as_mut());
    let saved: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(saved["state"], "available");
    // What comes after is nobody else's.
    source.ssh("echo later | sudo tee /run/story/memory /disk && sync");
    site.aws(&["terminate-instances", "--instance-ids", &source.id]);
    site.wait_for(&source.id, "terminated");
    site.kill_daemon();
    site.start_daemon();

    let ids = forks_of(&site, &["--saved", "ready", "--count", "3"]);
    assert_eq!(ids.len(), 3);
    let forks: Vec<_> = ids.iter().map(|id| site.reach(id, &key)).collect();
    let identity = "hostname; cat /etc/machine-id; cat /sys/class/net/eth0/address; hostname -I; \
                    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2; cat /proc/sys/kernel/random/uuid";
    let mut seen: Vec<HashSet<String>> = vec![HashSet::new(); 6];
    for (nth, fork) in forks.iter().enumerate() {
        let facts = fork.ssh(identity);
        let facts: Vec<_> = facts.lines().map(str::trim).map(str::to_owned).collect();
        assert_eq!(facts.len(), 6, "{facts:?}");
        assert_eq!(facts[3], fork.private_ip);
        for (fact, seen) in facts.into_iter().zip(&mut seen) {
            assert!(seen.insert(fact.clone()), "{fact} is also another machine's");
        }
        assert_eq!(fork.ssh("cat /run/story/memory /disk"), "begun\nbegun");
        assert_eq!(fork.ssh("systemctl show --property MainPID story"), process, "its processes go on");
        fork.ssh(&format!("echo {nth} | sudo tee /run/story/memory /disk && sync"));
    }
    // It goes, and those that began from it stay.
    run_ok(site.cumulet(&["saved", "rm", "ready"]).as_mut());
    for place in ["state/saved", "state/snapshots"] {
        assert_eq!(std::fs::read_dir(site.path(place)).unwrap().count(), 0, "{place}");
    }
    for (nth, fork) in forks.iter().enumerate() {
        assert_eq!(
            fork.ssh("sudo sh -c 'echo 3 > /proc/sys/vm/drop_caches'; cat /run/story/memory /disk"),
            format!("{nth}\n{nth}")
        );
    }
    assert!(!run(site.cumulet(&["fork", "--saved", "ready"]).as_mut()).ok);
}

#[test]
fn the_daemon_can_die_while_it_forks() {
    let Some(mut site) = Site::new("the daemon's death during a fork") else { return };
    let key = site.key_pair("mine");
    let source = site.guest("mine", &key, &site.group("ssh", &["22"]), &[]);
    source.ssh("echo begun | sudo tee /run/story");
    let boot = source.ssh("cat /proc/sys/kernel/random/boot_id");
    for pause in [0, 10, 30, 80, 200] {
        let mut asked = site.cumulet(&["fork", "--no-wait", &source.id, "--count", "2"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        site.kill_daemon();
        asked.wait().unwrap();
        site.start_daemon();
        assert_eq!(
            source.ssh("cat /proc/sys/kernel/random/boot_id; cat /run/story"),
            format!("{boot}\nbegun")
        );
        eventually("each fork runs or is gone", || {
            let all = site.aws_json(&["describe-instances"]);
            let states = all["Reservations"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|r| r["Instances"].as_array().unwrap());
            let done = |state: &str| state == "running" || state == "terminated";
            let mut states = states.map(|instance| instance["State"]["Name"].as_str().unwrap().to_owned());
            states.all(|state| done(&state)).then_some(())
        });
    }
    // And it can be forked still.
    let fork = forks_of(&site, &[&source.id]).remove(0);
    assert_eq!(site.reach(&fork, &key).ssh("cat /run/story"), "begun");
}
