//! The first phase: identity.

use crate::machine::Machine;

const KEY: &str = "etc/ssh/ssh_host_ed25519_key";

#[test]
fn a_fresh_image_takes_its_identity() {
    let machine = Machine::new();
    let report = machine.phase("init");
    assert_eq!(report.instance_id, "i-0123456789abcde00");
    assert_eq!((report.failed.len(), report.finished.as_slice()), (0, &["init".to_owned()][..]));
    assert_eq!(machine.read("etc/hostname"), "ip-172-31-0-10\n");
    let own = "127.0.1.1 ip-172-31-0-10.ec2.internal ip-172-31-0-10";
    assert_eq!(machine.read("etc/hosts"), format!("127.0.0.1 localhost\n{own}\n"));
    assert_eq!(machine.read("home/debian/.ssh/authorized_keys"), "ssh-ed25519 AAAAC3Nz my key\n");
    assert_eq!(
        (machine.mode("home/debian/.ssh"), machine.mode("home/debian/.ssh/authorized_keys")),
        (0o700, 0o600)
    );
    assert_eq!(machine.read("etc/machine-id").trim().len(), 32);
    assert!(machine.path(KEY).exists() && machine.path("etc/ssh/ssh_host_ecdsa_key").exists());
}

#[test]
fn another_boot_of_the_same_instance_keeps_its_identity() {
    let machine = Machine::new();
    machine.phase("init");
    let (key, id) = (machine.read(KEY), machine.read("etc/machine-id"));
    machine.reboot();
    machine.write("home/debian/.ssh/authorized_keys", "the owner's own\n");
    machine.phase("init");
    assert_eq!((machine.read(KEY), machine.read("etc/machine-id")), (key, id));
    assert_eq!(machine.read("home/debian/.ssh/authorized_keys"), "the owner's own\n", "keys are given once");
}

#[test]
fn a_disk_that_becomes_another_instance_becomes_another_machine() {
    let machine = Machine::new();
    machine.phase("init");
    let (key, id) = (machine.read(KEY), machine.read("etc/machine-id"));
    machine.reboot();
    machine.become_instance(1, |_| {});
    let report = machine.phase("init");
    assert_eq!(report.instance_id, "i-0123456789abcde01");
    assert_ne!(machine.read(KEY), key);
    assert_ne!(machine.read("etc/machine-id"), id);
    assert_eq!(machine.read("etc/hostname"), "ip-172-31-0-11\n");
}

#[test]
fn host_keys_that_came_with_the_image_are_nobodys_and_replaced() {
    let machine = Machine::new();
    machine.write(KEY, "from the image");
    machine.write("etc/ssh/ssh_host_rsa_key", "from the image");
    machine.phase("init");
    assert_ne!(machine.read(KEY), "from the image");
    assert!(!machine.path("etc/ssh/ssh_host_rsa_key").exists());
}

#[test]
fn public_host_keys_are_shown_on_the_console() {
    let machine = Machine::new();
    let output = machine.run(&["init"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, after) = text.split_once("-----BEGIN SSH HOST KEY KEYS-----\n").unwrap();
    let (keys, _) = after.split_once("-----END SSH HOST KEY KEYS-----\n").unwrap();
    assert_eq!(keys.lines().filter(|line| line.starts_with("public of")).count(), 2);
}

#[test]
fn a_user_that_the_image_lacks_is_made() {
    let machine = Machine::new();
    machine.run(&["--default-user", "admin", "init"]);
    assert!(machine.calls().contains("useradd --comment Debian --shell /bin/bash --create-home -- admin\n"));
    assert_eq!(machine.read("home/admin/.ssh/authorized_keys"), "ssh-ed25519 AAAAC3Nz my key\n");
    assert_eq!(machine.read("etc/sudoers.d/90-cumulet-users"), "admin ALL=(ALL) NOPASSWD:ALL\n");
}

#[test]
fn without_a_service_the_phase_fails_and_says_so() {
    let machine = Machine::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = machine.run(&["--metadata-url", &format!("http://127.0.0.1:{port}"), "--wait", "1", "init"]);
    assert!(!output.status.success());
    let report = machine.report();
    assert!(report.failed[0].why.contains("no answer within 1 seconds"), "{report:?}");
    assert!(machine.path(KEY).exists(), "sshd can start all the same");
}
