//! The agent in a guest: programs, files and connections over vsock, with no key and no open port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use cumulet_e2e::{Output, Site, eventually, run, run_ok};

/// An instance that nobody on the network may talk to, with an agent that answers.
fn launched(site: &Site) -> String {
    let id = site.run_instance(&[]);
    site.wait_for(&id, "running");
    eventually("the agent answers", || exec(site, &id, &["true"]).ok.then_some(()));
    id
}

fn exec(site: &Site, id: &str, command: &[&str]) -> Output {
    run(site.cumulet(&[&["exec", id, "--"], command].concat()).as_mut())
}

fn exec_ok(site: &Site, id: &str, script: &str) -> String {
    let done = exec(site, id, &["sh", "-c", script]);
    assert!(done.ok, "{script}: {}\n{}", done.err, site.daemon_log());
    done.out.trim_end().to_owned()
}

#[test]
fn programs_run_in_a_guest_with_their_streams_their_status_and_their_signals() {
    let Some(site) = Site::new("exec by the agent") else { return };
    let id = launched(&site);
    let done = exec(&site, &id, &["sh", "-c", "echo out; echo err >&2; exit 42"]);
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(42), "out\n", "err\n"));
    assert_eq!(exec(&site, &id, &["no-such-program"]).code, Some(127));
    assert_eq!(exec_ok(&site, &id, "id -u; pwd"), "0\n/root");
    let user = run_ok(
        site.cumulet(&["exec", "-u", "debian", &id, "--", "sh", "-c", "id -un; sudo id -un"]).as_mut(),
    );
    assert_eq!(user, "debian\nroot");

    // More than all buffers on the way hold.
    let mut command = site.cumulet(&["exec", "-i", &id, "--", "sha256sum"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let data = vec![b'x'; 3 << 20];
    child.stdin.take().unwrap().write_all(&data).unwrap();
    let there = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    std::fs::write(site.path("data"), &data).unwrap();
    let here = run_ok(Command::new("sha256sum").arg(site.path("data")));
    assert_eq!(there.split(' ').next(), here.split(' ').next());

    let script = "trap 'echo told; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = site.cumulet(&["exec", &id, "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    run_ok(Command::new("kill").arg(child.id().to_string()));
    assert_eq!(lines.next().unwrap().unwrap(), "told");
    assert_eq!(child.wait().unwrap().code(), Some(9));

    // Whoever is in the guest can't make the agent work for them: not by the loopback, nor by the guest's own address.
    for address in [1, 3] {
        let perl = format!(
            "$SIG{{PIPE}} = 'IGNORE'; socket(S, 40, 1, 0) or die; connect(S, pack('SSLLx4', 40, 0, 1024, {address})) or exit 0; \
             syswrite(S, pack('NA*', length('{{\"request\":{{\"version\":1,\"command\":\"hello\"}}}}'), \
             '{{\"request\":{{\"version\":1,\"command\":\"hello\"}}}}')); exit(sysread(S, $b, 4) ? 1 : 0)"
        );
        let done = run(site.cumulet(&["exec", "-u", "debian", &id, "--", "perl", "-e", &perl]).as_mut());
        assert_eq!(done.code, Some(0), "CID {address}: {}", done.err);
    }

    // It ends with what it was told, and can't tell how that ended.
    exec(&site, &id, &["systemctl", "stop", "cumulet-agent"]);
    let done = eventually("the agent is gone", || {
        let done = exec(&site, &id, &["true"]);
        (!done.ok).then_some(done)
    });
    assert_eq!(done.code, Some(125));
    assert!(done.err.contains("AgentUnavailable"), "{}", done.err);
}

#[test]
fn files_go_in_and_out_and_ports_are_reached_without_a_network() {
    let Some(site) = Site::new("files and ports by the agent") else { return };
    let id = launched(&site);
    let here = |name: &str| site.path(name).to_str().unwrap().to_owned();
    let there = |path: &str| format!("{id}:{path}");
    let copy = |from: &str, to: &str| run_ok(site.cumulet(&["cp", from, to]).as_mut());

    let script = "head -c 52428800 /dev/urandom >\"$0\"";
    run_ok(Command::new("sh").args(["-c", script, &here("big")]));
    copy(&here("big"), &there("/root/"));
    let sum = |text: &str| text.split(' ').next().unwrap().to_owned();
    let ours = sum(&run_ok(Command::new("sha256sum").arg(here("big"))));
    assert_eq!(sum(&exec_ok(&site, &id, "sha256sum /root/big")), ours);
    copy(&there("/root/big"), &here("back"));
    assert_eq!(sum(&run_ok(Command::new("sha256sum").arg(here("back")))), ours);

    std::fs::create_dir_all(site.path("tree/sub")).unwrap();
    std::fs::write(site.path("tree/sub/run.sh"), "#!/bin/sh\necho ran\n").unwrap();
    run_ok(Command::new("chmod").args(["755", &here("tree/sub/run.sh")]));
    std::os::unix::fs::symlink("sub/run.sh", site.path("tree/link")).unwrap();
    run_ok(site.cumulet(&["cp", "--owner", "debian", &here("tree"), &there("/srv/tree")]).as_mut());
    assert_eq!(exec_ok(&site, &id, "/srv/tree/link; stat -c %U /srv/tree/sub/run.sh"), "ran\ndebian");
    copy(&there("/etc/ssh"), &here("ssh"));
    assert!(site.path("ssh/sshd_config").exists());
    let missing = run(site.cumulet(&["cp", &there("/no/such"), "."]).as_mut());
    assert!(!missing.ok && missing.err.contains("/no/such"), "{}", missing.err);

    let mut command = site.cumulet(&["forward", &id, "0:22"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let local = line.split(' ').nth(1).unwrap().to_owned();
    eventually("sshd answers", || {
        let mut greeting = [0; 8];
        TcpStream::connect(&local).unwrap().read_exact(&mut greeting).ok()?;
        (&greeting == b"SSH-2.0-").then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
}
