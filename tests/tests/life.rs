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

#[test]
fn an_instance_without_cpu_credits_is_held_to_its_baseline_until_it_may_burst() {
    let Some(site) = Site::new("CPU credits") else { return };
    let standard = ["--instance-type", "t3.nano", "--credit-specification", "CpuCredits=standard"];
    let id = site.run_instance(&standard);
    site.wait_for(&id, "running");
    // In hundred thousandths of a processor: two vCPUs and one for the VMM, or what is left of two at 5 %.
    const USUAL: u64 = 300_000;
    let record =
        std::fs::read_to_string(site.path("run").join("vms").join(&id).join("process.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let quota = || {
        let group = record["cgroups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap());
        let files = group.flat_map(|dir| [format!("{dir}/cpu.cfs_quota_us"), format!("{dir}/cpu.max")]);
        let text = files.into_iter().find_map(|file| std::fs::read_to_string(file).ok());
        text.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap()
    };
    eventually("it is held", || (quota() < USUAL).then_some(()));
    let mode = |mode: &str| format!("InstanceId={id},CpuCredits={mode}");
    let asked = ["modify-instance-credit-specification", "--instance-credit-specifications"];
    site.aws(&[asked[0], asked[1], &mode("unlimited")]);
    eventually("it is let go", || (quota() == USUAL).then_some(()));
    let told = site.aws_json(&["describe-instance-credit-specifications", "--instance-ids", &id]);
    assert_eq!(told["InstanceCreditSpecifications"][0]["CpuCredits"], "unlimited");
}
