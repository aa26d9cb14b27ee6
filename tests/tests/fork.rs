//! Forks: machines that go on where another stands, each with an identity of its own, and the source unharmed.

use std::collections::HashSet;

use cumulet_e2e::{Site, run_ok};
use serde_json::Value;

const FORKS: usize = 3;

#[test]
fn forks_go_on_where_their_source_stands_and_are_machines_of_their_own() {
    let Some(site) = Site::new("forks") else { return };
    let key = site.key_pair("mine");
    let source = site.guest("mine", &key, &site.group("ssh", &["22"]), &[]);
    // What is only in memory, and what is only on the disk.
    source.ssh("sudo mkdir -p /run/story && echo begun | sudo tee /run/story/memory && echo begun | sudo tee /disk && sync");
    source.ssh("sudo systemd-run --quiet --unit story sleep infinity");
    let process = source.ssh("systemctl show --property MainPID story");

    let told = run_ok(site.cumulet(&["--json", "fork", &source.id, "--count", &FORKS.to_string()]).as_mut());
    let told: Value = serde_json::from_str(&told).unwrap();
    let ids: Vec<&str> =
        told["instances"].as_array().unwrap().iter().map(|fork| fork["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), FORKS);
    let forks: Vec<_> = ids.iter().map(|id| site.reach(id, &key)).collect();

    let identity = "hostname; cat /etc/machine-id; cat /sys/class/net/eth0/address; hostname -I; \
                    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2; cat /proc/sys/kernel/random/uuid";
    let mut seen: Vec<HashSet<String>> = vec![HashSet::new(); 6];
    for guest in forks.iter().chain([&source]) {
        let facts = guest.ssh(identity);
        let facts: Vec<_> = facts.lines().map(str::trim).map(str::to_owned).collect();
        assert_eq!(facts.len(), 6, "{facts:?}");
        assert_eq!(facts[3], guest.private_ip, "the one address");
        assert_eq!(facts[0], format!("ip-{}", guest.private_ip.replace('.', "-")));
        for (fact, seen) in facts.into_iter().zip(&mut seen) {
            assert!(seen.insert(fact.clone()), "{fact} is also another machine's");
        }
    }
    for (nth, fork) in forks.iter().enumerate() {
        assert_eq!(fork.ssh("cat /run/story/memory /disk"), "begun\nbegun");
        assert_eq!(fork.ssh("systemctl show --property MainPID story"), process, "its processes go on");
        let own = fork.ssh(
            "t=$(curl -sX PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token); \
             curl -s -H \"X-aws-ec2-metadata-token: $t\" http://169.254.169.254/latest/meta-data/instance-id",
        );
        assert_eq!(own, fork.id, "the metadata service takes it for itself");
        fork.ssh(&format!("echo {nth} | sudo tee /run/story/memory /disk && sync"));
    }
    assert_eq!(
        source.ssh("cat /run/story/memory /disk"),
        "begun\nbegun",
        "forks don't write to their source"
    );
    for (nth, fork) in forks.iter().enumerate() {
        assert_eq!(fork.ssh("cat /run/story/memory /disk"), format!("{nth}\n{nth}"));
    }

    // A fork of a fork, after the first source is gone.
    site.aws(&["terminate-instances", "--instance-ids", &source.id]);
    site.wait_for(&source.id, "terminated");
    let told = run_ok(site.cumulet(&["--json", "fork", &forks[1].id]).as_mut());
    let told: Value = serde_json::from_str(&told).unwrap();
    let second = site.reach(told["instances"][0]["id"].as_str().unwrap(), &key);
    assert_eq!(second.ssh("cat /run/story/memory /disk"), "1\n1");
    // It is an instance as any other: its disk is whole after a stop.
    site.aws(&["stop-instances", "--instance-ids", &second.id]);
    site.wait_for(&second.id, "stopped");
    site.aws(&["start-instances", "--instance-ids", &second.id]);
    let second = site.reach(&second.id, &key);
    assert_eq!(second.ssh("cat /disk"), "1");
}
