//! The daemon's death: guests go on running and are taken up again, those that died meanwhile are reported so.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use cumulet_e2e::{Site, eventually, run};

#[test]
fn guests_outlive_a_killed_daemon_and_an_open_ssh_session_goes_on() {
    let Some(mut site) = Site::new("daemon death") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    let survivor = site.guest("mine", &key, &group, &[]);
    let (off, crashed) = (site.guest("mine", &key, &group, &[]), site.guest("mine", &key, &group, &[]));

    let mut session = survivor.ssh_command();
    let mut session = session.arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to, mut from) = (session.stdin.take().unwrap(), BufReader::new(session.stdout.take().unwrap()));
    let mut echo = |word: &str| {
        writeln!(to, "{word}").unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word);
    };
    echo("before");
    site.kill_daemon();
    echo("while there is no daemon");
    assert_eq!(pids_of(&site, &off.id).len(), 1, "it runs without a daemon");
    off.try_ssh("sudo poweroff");
    eventually("the guest has powered off", || pids_of(&site, &off.id).is_empty().then_some(()));
    let doomed = pids_of(&site, &crashed.id);
    assert_eq!(doomed.len(), 1);
    assert!(run(Command::new("kill").args(["-9", &doomed[0]])).ok);
    site.start_daemon();
    echo("with the next daemon");

    let boots = survivor.ssh("cat /proc/sys/kernel/random/boot_id");
    assert_eq!(site.wait_for(&survivor.id, "running")["PublicIpAddress"], survivor.public_ip.as_str());
    let stopped = site.wait_for(&off.id, "stopped");
    assert_eq!(stopped["StateReason"]["Code"], "Client.InstanceInitiatedShutdown");
    let dead = site.wait_for(&crashed.id, "stopped");
    assert_eq!(dead["StateReason"]["Code"], "Server.UnexpectedShutdown");

    // The one that was taken up is driven as before.
    site.aws(&["reboot-instances", "--instance-ids", &survivor.id]);
    eventually("it has rebooted", || {
        let now = survivor.try_ssh("cat /proc/sys/kernel/random/boot_id");
        (now.ok && now.out.trim() != boots).then_some(())
    });
    drop(to);
    session.kill().unwrap();
    session.wait().unwrap();
}

/// Process ids of an instance's VMM, by the lock that it holds.
fn pids_of(site: &Site, id: &str) -> Vec<String> {
    let identity = site.path("run").join("vms").join(id).join("identity.json");
    let text = std::fs::read_to_string(identity).unwrap_or_default();
    let Some(pid) = text.split_once("\"pid\":").and_then(|(_, rest)| rest.split([',', '}']).next()) else {
        return Vec::new();
    };
    let pid = pid.trim().to_owned();
    let alive = std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    alive.then_some(pid).into_iter().collect()
}
