//! An instance's life with a real guest: stop, start, reboot, power-off by the guest, volumes, protection.

use cumulet_e2e::{Site, eventually};

#[test]
fn stop_and_start_keep_disk_and_private_address_and_reboot_keeps_all() {
    let Some(site) = Site::new("stop, start, reboot") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    let guest = site.guest("mine", &key, &group, &[]);
    guest.ssh("echo kept >note && sync");
    let boot = guest.ssh("cat /proc/sys/kernel/random/boot_id");

    site.aws(&["reboot-instances", "--instance-ids", &guest.id]);
    eventually("it has rebooted", || {
        let now = guest.try_ssh("cat /proc/sys/kernel/random/boot_id");
        (now.ok && now.out.trim() != boot).then_some(())
    });
    assert_eq!(guest.ssh("cat note"), "kept");

    site.aws(&["stop-instances", "--instance-ids", &guest.id]);
    site.aws(&["wait", "instance-stopped", "--instance-ids", &guest.id]);
    let stopped = site.instance(&guest.id);
    assert!(stopped["PublicIpAddress"].is_null(), "the public address is free again: {stopped}");
    assert_eq!(stopped["PrivateIpAddress"], guest.private_ip.as_str());
    site.aws(&["start-instances", "--instance-ids", &guest.id]);
    let again = site.reach(&guest.id, &key);
    assert_eq!(again.private_ip, guest.private_ip);
    assert_eq!(again.ssh("cat note"), "kept");
}

#[test]
fn a_guest_that_powers_itself_off_ends_as_its_shutdown_behaviour_says() {
    let Some(site) = Site::new("power-off by the guest") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    for (behavior, state) in [("stop", "stopped"), ("terminate", "terminated")] {
        let guest = site.guest("mine", &key, &group, &["--instance-initiated-shutdown-behavior", behavior]);
        guest.try_ssh("sudo poweroff");
        let ended = site.wait_for(&guest.id, state);
        assert_eq!(ended["StateReason"]["Code"], "Client.InstanceInitiatedShutdown");
    }
}

#[test]
fn a_second_volume_is_found_by_its_serial_and_outlives_the_instance_if_told() {
    let Some(site) = Site::new("volumes at launch") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    let mapping = r#"[{"DeviceName":"/dev/xvda","Ebs":{"VolumeSize":3}},
        {"DeviceName":"/dev/sdf","Ebs":{"VolumeSize":1,"DeleteOnTermination":false}}]"#;
    let guest = site.guest("mine", &key, &group, &["--block-device-mappings", mapping]);
    let devices = site.instance(&guest.id)["BlockDeviceMappings"].clone();
    let data = devices.as_array().unwrap().iter().find(|device| device["DeviceName"] == "/dev/sdf").unwrap();
    let volume = data["Ebs"]["VolumeId"].as_str().unwrap();
    assert_eq!(guest.ssh("cat /sys/block/vda/size"), (3u64 << 30 >> 9).to_string());
    assert_eq!(guest.ssh("cat /sys/block/vdb/size"), (1u64 << 30 >> 9).to_string());
    let serial = guest.ssh("cat /sys/block/vdb/serial");
    assert!(!serial.is_empty() && volume.replace('-', "").starts_with(&serial), "{serial} {volume}");

    site.aws(&["modify-instance-attribute", "--instance-id", &guest.id, "--disable-api-termination"]);
    let refused = site.try_aws(&["terminate-instances", "--instance-ids", &guest.id]);
    assert!(refused.err.contains("OperationNotPermitted"), "{}", refused.err);
    site.aws(&["modify-instance-attribute", "--instance-id", &guest.id, "--no-disable-api-termination"]);
    site.aws(&["terminate-instances", "--instance-ids", &guest.id]);
    site.wait_for(&guest.id, "terminated");
    let left = site.aws(&["describe-volumes", "--query", "Volumes[].[VolumeId,State]", "--output", "text"]);
    assert_eq!(left, format!("{volume}\tavailable"));
}
