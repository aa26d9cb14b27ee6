//! On a machine that is a folder.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use cumulet_agent_protocol::{HostKey, HostKeys};

use super::*;

fn machine() -> (tempfile::TempDir, System) {
    let folder = tempfile::tempdir().unwrap();
    for path in ["etc/ssh", "var/lib/systemd", "var/lib/cumulet/firstboot/i-1/done", "var/lib/dbus", "run"] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    let system = System::below(folder.path());
    for (path, text) in [
        ("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 old.internal old\n::1 localhost\n"),
        ("/etc/hostname", "old\n"),
        ("/etc/machine-id", "old\n"),
        ("/etc/ssh/ssh_host_rsa_key", "old rsa"),
        ("/etc/ssh/ssh_host_ed25519_key", "old ed"),
        ("/etc/ssh/ssh_host_ed25519_key-cert.pub", "old certificate"),
        ("/etc/ssh/sshd_config", "kept"),
        ("/var/lib/systemd/random-seed", "old seed"),
        ("/var/lib/cumulet/firstboot/instance-id", "i-1\n"),
        ("/var/lib/cumulet/firstboot/i-1/done/host-keys", ""),
        ("/var/lib/cumulet/firstboot/i-1/hostname", "chosen"),
    ] {
        system.write(path, text.as_bytes(), 0o644).unwrap();
    }
    symlink("/etc/machine-id", folder.path().join("var/lib/dbus/machine-id")).unwrap();
    (folder, system)
}

fn identity() -> Identity {
    Identity {
        instance_id: Some("i-2".into()),
        hostname: Some("ip-10-0-0-2.ec2.internal".into()),
        machine_id: Some("0123456789abcdef0123456789abcdef".into()),
        host_keys: HostKeys::Replace(vec![HostKey {
            kind: "ed25519".into(),
            private: "new private\n".into(),
            public: "ssh-ed25519 NEW\n".into(),
        }]),
        clock: Some(WallClock { seconds: 1, nanoseconds: 0 }),
        entropy: vec![1; 32],
        interfaces: vec![],
    }
}

#[test]
fn everything_that_was_the_sources_is_the_forks_own() {
    let (folder, system) = machine();
    for _ in 0..2 {
        let done = become_another(&system, &identity());
        assert_eq!(done.problems, [""; 0]);
        assert_eq!(done.host_keys, ["ssh-ed25519 NEW"]);
        let read = |path: &str| system.read_text(path).unwrap();
        assert_eq!(read("/etc/hostname"), "ip-10-0-0-2\n");
        let hosts = "127.0.0.1 localhost\n127.0.1.1 ip-10-0-0-2.ec2.internal ip-10-0-0-2\n::1 localhost\n";
        assert_eq!(read("/etc/hosts"), hosts);
        assert_eq!(read("/etc/machine-id"), "0123456789abcdef0123456789abcdef\n");
        assert!(folder.path().join("var/lib/dbus/machine-id").is_symlink(), "a link is left alone");
        let mut keys: Vec<_> = fs::read_dir(folder.path().join("etc/ssh"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        keys.sort();
        assert_eq!(keys, ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "sshd_config"]);
        let key = folder.path().join("etc/ssh/ssh_host_ed25519_key");
        assert_eq!(fs::metadata(key).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read(folder.path().join("var/lib/systemd/random-seed")).unwrap().len(), 512);
        assert_eq!(read("/var/lib/cumulet/firstboot/instance-id"), "i-2\n");
        let state = folder.path().join("var/lib/cumulet/firstboot");
        assert!(state.join("i-2/done/host-keys").exists(), "its first boot is behind it");
        assert!(!state.join("i-2/hostname").exists(), "a name that was chosen is the source's alone");
    }
}

#[test]
fn what_is_left_out_stays() {
    let (_folder, system) = machine();
    let done = become_another(&system, &Identity::default());
    assert_eq!(done, IdentityDone::default());
    assert_eq!(system.read_text("/etc/hostname").unwrap(), "old\n");
    assert_eq!(system.read_text("/etc/ssh/ssh_host_rsa_key").unwrap(), "old rsa");
}

#[test]
fn a_step_that_fails_is_told_and_stops_no_other() {
    let (_folder, system) = machine();
    let key = HostKey { kind: "../x".into(), private: String::new(), public: String::new() };
    let wrong = Identity {
        instance_id: Some("../i".into()),
        hostname: Some("a b".into()),
        machine_id: Some("xyz".into()),
        host_keys: HostKeys::Replace(vec![key]),
        entropy: vec![0; 2000],
        ..Identity::default()
    };
    let done = become_another(&system, &wrong);
    assert_eq!(done.problems.len(), 5, "{done:?}");
    assert_eq!(system.read_text("/etc/ssh/ssh_host_rsa_key").unwrap(), "old rsa");
    let good = become_another(&system, &Identity { hostname: Some("new".into()), ..wrong });
    assert_eq!(good.problems.len(), 4);
    assert_eq!(system.read_text("/etc/hostname").unwrap(), "new\n");
}
