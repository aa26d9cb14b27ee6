//! Hibernation: a stop that keeps the memory. The guest's programs go on where they were, at the same private address,
//! with the right time, also where the daemon dies on the way.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use cumulet_e2e::{Guest, Site, eventually, run};

const FACTS: &str = "cat /proc/sys/kernel/random/boot_id; systemctl show --property MainPID counter; \
                     cat /run/story; cat /sys/class/net/eth0/address; hostname; hostname -I";

/// A guest with a program that counts in its memory, and a file that is nowhere else.
fn counting_guest(site: &Site) -> Guest {
    let key = site.key_pair("mine");
    let configured = ["--hibernation-options", "Configured=true"];
    let guest = site.guest("mine", &key, &site.group("ssh", &["22"]), &configured);
    guest.ssh("echo only in memory | sudo tee /run/story; echo on disk | sudo tee /disk; sync");
    let count = "n=0; while :; do n=$((n+1)); echo $n > /run/count; sleep 0.05; done";
    guest.ssh(&format!("sudo systemd-run --quiet --unit counter sh -c '{count}'"));
    eventually("it counts", || guest.try_ssh("cat /run/count").ok.then_some(()));
    guest
}

fn count(guest: &Guest) -> u64 {
    // The file is empty for a moment whenever it is written.
    eventually("a count", || guest.ssh("cat /run/count").parse().ok())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// The guest is the one that it was.
fn goes_on(guest: &Guest, facts: &str, counted: u64) -> u64 {
    assert_eq!(guest.ssh(FACTS), facts);
    assert_eq!(guest.ssh("cat /disk"), "on disk");
    let first = count(guest);
    assert!(first >= counted, "{first} after {counted}");
    eventually("it counts on", || (count(guest) > first).then_some(()));
    first
}

fn hibernate(site: &Site, id: &str) {
    site.aws(&["stop-instances", "--hibernate", "--instance-ids", id]);
}

fn is_hibernated(site: &Site, id: &str) {
    let stopped = site.wait_for(id, "stopped");
    assert_eq!(stopped["StateReason"]["Code"], "Client.UserInitiatedHibernate", "{}", stopped["StateReason"]);
}

#[test]
fn a_hibernated_guest_goes_on_where_it_was() {
    let Some(site) = Site::new("hibernation") else { return };
    let guest = counting_guest(&site);
    let key = site.path("mine.pem");
    let described = site.instance(&guest.id);
    assert_eq!(described["HibernationOptions"]["Configured"], true);
    let facts = guest.ssh(FACTS);
    let counted = count(&guest);

    hibernate(&site, &guest.id);
    is_hibernated(&site, &guest.id);
    let stopped = site.instance(&guest.id);
    assert_eq!(stopped["StateReason"]["Message"], "Client.UserInitiatedHibernate: User initiated hibernate");
    assert!(stopped["PublicIpAddress"].is_null());
    let saved: Vec<_> =
        std::fs::read_dir(site.path("state/saved")).unwrap().map(|e| e.unwrap().path()).collect();
    let memory = saved[0].join("memory").metadata().unwrap();
    assert_eq!(memory.permissions().mode() & 0o777, 0o600);
    let used = std::os::unix::fs::MetadataExt::blocks(&memory) * 512;
    println!("memory of {} bytes, {used} of them on disk", memory.len());
    assert!(used < memory.len(), "what was never touched takes no room");
    let refused = site.try_aws(&[
        "modify-instance-attribute",
        "--instance-id",
        &guest.id,
        "--instance-type",
        "t3.nano",
    ]);
    assert!(!refused.ok && refused.err.contains("(IncorrectState)"), "{}", refused.err);
    std::thread::sleep(Duration::from_secs(5));

    site.aws(&["start-instances", "--instance-ids", &guest.id]);
    let begun = SystemTime::now();
    let again = site.reach(&guest.id, &key);
    println!("answers ssh {:?} after its start", begun.elapsed().unwrap());
    let told: u64 = again.ssh("date +%s").parse().unwrap();
    assert!(told.abs_diff(seconds(SystemTime::now())) <= 2, "its clock is wrong: {told}");
    assert_eq!(again.private_ip, guest.private_ip);
    let counted = goes_on(&again, &facts, counted);
    let own = again.ssh(
        "t=$(curl -sX PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token); \
         curl -s -H \"X-aws-ec2-metadata-token: $t\" http://169.254.169.254/latest/meta-data/public-ipv4",
    );
    assert_eq!(own, again.public_ip, "the metadata service knows its new address");
    eventually("the memory's files are gone", || {
        (std::fs::read_dir(site.path("state/saved")).unwrap().count() == 0).then_some(())
    });

    // Twice, as the first: what it wrote since counts.
    again.ssh("echo later | sudo tee /run/later /later; sync");
    hibernate(&site, &guest.id);
    is_hibernated(&site, &guest.id);
    site.aws(&["start-instances", "--instance-ids", &guest.id]);
    let again = site.reach(&guest.id, &key);
    goes_on(&again, &facts, counted);
    assert_eq!(again.ssh("cat /run/later /later"), "later\nlater");

    // Memory that is damaged is not gone on from, and nobody throws it away.
    hibernate(&site, &guest.id);
    is_hibernated(&site, &guest.id);
    let saved = std::fs::read_dir(site.path("state/saved")).unwrap().next().unwrap().unwrap().path();
    let state = saved.join("state");
    let bytes = std::fs::read(&state).unwrap();
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    std::fs::write(&state, &damaged).unwrap();
    site.aws(&["start-instances", "--instance-ids", &guest.id]);
    eventually("the start is refused", || {
        let now = site.instance(&guest.id);
        let message = now["StateReason"]["Message"].as_str().unwrap_or_default();
        (now["State"]["Name"] == "stopped" && message.contains("saved memory")).then(|| println!("{message}"))
    });
    std::fs::write(&state, &bytes).unwrap();
    site.aws(&["start-instances", "--instance-ids", &guest.id]);
    let again = site.reach(&guest.id, &key);
    goes_on(&again, &facts, counted);

    // Who does not want it boots.
    hibernate(&site, &guest.id);
    is_hibernated(&site, &guest.id);
    assert!(run(site.cumulet(&["start", "--discard-memory", &guest.id]).as_mut()).ok);
    let booted = site.reach(&guest.id, &key);
    assert_ne!(booted.ssh("cat /proc/sys/kernel/random/boot_id"), facts.lines().next().unwrap());
    assert_eq!(booted.ssh("cat /later"), "later");
    assert_eq!(std::fs::read_dir(site.path("state/saved")).unwrap().count(), 0);
}

#[test]
fn the_daemon_can_die_while_a_guest_is_hibernated_or_goes_on() {
    let Some(mut site) = Site::new("hibernation and the daemon's death") else { return };
    let guest = counting_guest(&site);
    let key = site.path("mine.pem");
    let facts = guest.ssh(FACTS);
    let mut counted = count(&guest);
    for pause in [0, 20, 60, 150, 400] {
        hibernate(&site, &guest.id);
        std::thread::sleep(Duration::from_millis(pause));
        site.kill_daemon();
        site.start_daemon();
        is_hibernated(&site, &guest.id);
        site.aws(&["start-instances", "--instance-ids", &guest.id]);
        std::thread::sleep(Duration::from_millis(pause));
        site.kill_daemon();
        site.start_daemon();
        counted = goes_on(&site.reach(&guest.id, &key), &facts, counted);
    }
}
