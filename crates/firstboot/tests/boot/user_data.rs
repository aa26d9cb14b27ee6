//! The second phase: user data.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::machine::Machine;

#[test]
fn a_script_runs_once_per_instance_with_its_output_in_the_log() {
    let machine = Machine::new();
    machine.user_data("#!/bin/sh\necho \"hello from $INSTANCE_ID\"\necho ran >> ran\n");
    machine.phase("init");
    let report = machine.phase("user-data");
    assert_eq!(report.finished, ["init", "user-data"]);
    assert!(report.done.contains(&"script part-001".to_owned()), "{report:?}");
    assert!(machine.read("var/log/cumulet-firstboot.log").contains("hello from i-0123456789abcde00\n"));
    machine.reboot();
    machine.phase("init");
    let report = machine.phase("user-data");
    assert_eq!(report.skipped, ["public keys", "scripts"]);
    assert_eq!(machine.read("ran"), "ran\n");
}

#[test]
fn another_instance_on_the_same_disk_runs_it_again() {
    let machine = Machine::new();
    let script = b"#!/bin/sh\necho $INSTANCE_ID >> ran\n";
    machine.user_data(script);
    machine.phase("user-data");
    machine.become_instance(1, |facts| facts.user_data = Some(script.to_vec()));
    machine.phase("user-data");
    assert_eq!(machine.read("ran"), "i-0123456789abcde00\ni-0123456789abcde01\n");
}

const CONFIG: &str = "#cloud-config
hostname: web
groups: [ops, {devs: [ann]}]
users:
  - default
  - name: ann
    primary_group: crew
    groups: adm
    sudo: ALL=(ALL) NOPASSWD:ALL
    ssh_authorized_keys: [ssh-ed25519 ANN ann]
    plain_text_passwd: secret
    lock_passwd: false
ssh_authorized_keys: [ssh-ed25519 MORE more]
ssh_pwauth: true
write_files:
  - {path: /etc/motd, content: hi, permissions: '0600', owner: root:root}
  - {path: /etc/motd, content: ' there', append: true, permissions: '0640'}
  - {path: /b64, encoding: b64, content: aGVsbG8=}
  - {path: /late, content: late, defer: true}
packages: [nginx, [jq, '1.6']]
timezone: Europe/Berlin
chpasswd: {expire: false, users: [{name: debian, password: pw, type: text}]}
bootcmd: [echo boot >> boots]
runcmd: [cat late >> runs, [touch, a b]]
power_state: {mode: poweroff, delay: 2, message: bye}
final_message: all is done
ntp: {servers: [a]}
snap: {commands: [x]}
";

#[test]
fn cloud_config_is_acted_on() {
    let machine = Machine::new();
    machine.write("usr/share/zoneinfo/Europe/Berlin", "zone");
    machine.phase("init");
    machine.user_data(CONFIG);
    let report = machine.phase("user-data");
    assert_eq!(report.failed, []);
    assert_eq!(report.not_implemented, ["ntp", "snap"]);
    assert_eq!(machine.read("etc/hostname"), "web\n");
    assert_eq!((machine.read("etc/motd").as_str(), machine.mode("etc/motd")), ("hi there", 0o640));
    assert_eq!(machine.read("b64"), "hello");
    assert_eq!(machine.read("runs"), "late", "deferred files are there before runcmd");
    assert!(machine.path("a b").exists());
    assert_eq!(machine.read("home/ann/.ssh/authorized_keys"), "ssh-ed25519 ANN ann\n");
    let keys = machine.read("home/debian/.ssh/authorized_keys");
    assert_eq!(keys, "ssh-ed25519 AAAAC3Nz my key\nssh-ed25519 MORE more\n");
    assert_eq!(machine.read("etc/ssh/sshd_config.d/50-cumulet.conf"), "PasswordAuthentication yes\n");
    assert_eq!(machine.read("etc/timezone"), "Europe/Berlin\n");
    let zone = std::fs::read_link(machine.path("etc/localtime")).unwrap();
    assert_eq!(zone.to_str(), Some("/usr/share/zoneinfo/Europe/Berlin"));
    assert_eq!(machine.read("input-chpasswd"), "ann:secret\ndebian:pw\n");
    let calls = machine.calls();
    for call in [
        "groupadd -- ops",
        "usermod -a -G devs -- ann",
        "groupadd -- crew",
        "useradd --gid crew --shell /bin/bash --groups adm --create-home -- ann",
        "systemctl try-reload-or-restart ssh.service",
        "shutdown --poweroff +2 bye",
    ] {
        assert!(calls.lines().any(|line| line == call), "{call} is not in:\n{calls}");
    }
    assert!(calls.contains("update\n") && calls.contains("install -- nginx jq=1.6\n"), "{calls}");
    assert!(!calls.contains("secret") && !machine.read("var/log/cumulet-firstboot.log").contains("secret"));
}

#[test]
fn what_is_of_every_boot_is_done_at_every_boot_and_the_rest_once() {
    let machine = Machine::new();
    machine.write("usr/share/zoneinfo/Europe/Berlin", "zone");
    machine.user_data(CONFIG);
    for _ in 0..3 {
        machine.phase("init");
        machine.phase("user-data");
        machine.reboot();
    }
    assert_eq!(machine.read("boots"), "boot\nboot\nboot\n");
    assert_eq!(machine.read("runs"), "late");
    assert_eq!(machine.read("etc/hostname"), "web\n", "the name that user data gave stays");
    assert_eq!(machine.calls().matches("shutdown").count(), 1);
    assert_eq!(machine.calls().matches("systemd-growfs").count(), 3);
}

#[test]
fn a_failure_is_reported_and_does_not_stop_the_rest() {
    let machine = Machine::new();
    machine.user_data(
        "#cloud-config\nwrite_files:\n  - {path: /a, encoding: b64, content: '***'}\n  - {path: /b, content: b}\n\
         timezone: Nowhere/Land\nruncmd: [touch done, exit 3]\n",
    );
    let output = machine.run(&["user-data"]);
    assert!(!output.status.success());
    let report = machine.report();
    let failed: Vec<_> = report.failed.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(failed, ["write_files", "timezone", "script runcmd"]);
    assert!(report.failed[2].why.contains("exit status: 3"), "{report:?}");
    assert!(machine.path("b").exists() && machine.path("done").exists());
    assert_eq!(report.warnings.len(), 1, "the content that is no base64: {:?}", report.warnings);
}

#[test]
fn parts_of_a_message_run_in_their_order() {
    let machine = Machine::new();
    let message = "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n\
        --b\nContent-Type: text/x-shellscript\nContent-Disposition: attachment; filename=\"20.sh\"\n\n#!/bin/sh\necho 20 >> order\n\
        --b\nContent-Type: text/x-shellscript\nContent-Disposition: attachment; filename=\"10.sh\"\n\n#!/bin/sh\necho 10 >> order\n\
        --b\nContent-Type: text/cloud-boothook\n\n#cloud-boothook\n#!/bin/sh\necho hook >> order\n\
        --b\nContent-Type: text/cloud-config\n\nruncmd: [echo runcmd >> order]\n\
        --b\nContent-Type: text/part-handler\n\n#part-handler\n\
        --b--\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(message.as_bytes()).unwrap();
    machine.user_data(encoder.finish().unwrap());
    let report = machine.phase("user-data");
    assert_eq!(machine.read("order"), "hook\n10\n20\nruncmd\n");
    assert_eq!(report.not_implemented, ["part handler part-005"]);
}

/// Serves these answers, one per connection, whatever is asked for.
fn serve(answers: Vec<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
            _ = stream.write_all(format!("{head}{answer}").as_bytes());
        }
    });
    url
}

#[test]
fn included_files_are_fetched_and_once_means_once() {
    let machine = Machine::new();
    let url = serve(vec!["#cloud-boothook\n#!/bin/sh\necho hook >> order\n"]);
    machine.user_data(format!("#include-once\n{url}\n"));
    machine.phase("user-data");
    machine.reboot();
    machine.phase("user-data");
    assert_eq!(machine.read("order"), "hook\nhook\n", "the second boot has it from the first");
}

#[test]
fn an_include_that_includes_itself_ends() {
    let machine = Machine::new();
    // The address isn't known before it is bound, so the file names the next connection's by its own include.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let body = format!("#include\n{url}\n{url}\n");
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            _ = stream.read(&mut [0; 4096]);
            _ = stream.write_all(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes(),
            );
        }
    });
    machine.user_data(format!("#include\n{url}\n"));
    assert!(!machine.run(&["user-data"]).status.success());
    assert!(machine.report().failed.iter().all(|problem| problem.why.contains("too many includes")));
}

#[test]
fn a_server_left_running_does_not_hold_the_boot_and_keeps_its_output() {
    let machine = Machine::new();
    machine.user_data(
        "#!/bin/sh\n(while [ ! -e go ]; do sleep 0.1; done; echo still here; touch gone) &\necho started\n",
    );
    machine.phase("user-data");
    machine.write("go", "");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !machine.path("gone").exists() {
        assert!(Instant::now() < deadline, "the background process died");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(machine.read("var/log/cumulet-firstboot.log").contains("still here\n"));
}

#[test]
fn no_user_data_is_no_failure() {
    let machine = Machine::new();
    let report = machine.phase("user-data");
    assert_eq!((report.failed.len(), report.done.as_slice()), (0, &["root file system".to_owned()][..]));
}

#[test]
fn what_is_not_recognised_is_said() {
    let machine = Machine::new();
    machine.user_data("packages: [nginx]\n");
    let report = machine.phase("user-data");
    assert_eq!(report.not_implemented, ["part part-001, whose first line names no type"]);
}
