//! Volumes that come and go while guests run, by the aws CLI and its waiters.

use cumulet_e2e::{Guest, Site, eventually};

/// Makes a volume in an instance's zone and waits until it is available.
fn volume(site: &Site, instance: &str, gib: &str) -> String {
    let zone = site.instance(instance)["Placement"]["AvailabilityZone"].as_str().unwrap().to_owned();
    let text = ["--query", "VolumeId", "--output", "text"];
    let id = site.aws(&[&["create-volume", "--availability-zone", &zone, "--size", gib][..], &text].concat());
    site.aws(&["wait", "volume-available", "--volume-ids", &id]);
    id
}

fn attach(site: &Site, volume: &str, guest: &Guest) {
    let place = ["--volume-id", volume, "--instance-id", &guest.id, "--device", "/dev/sdf"];
    site.aws(&[&["attach-volume"][..], &place].concat());
}

/// The disk that shows a volume in a guest, by its serial number: the id without its dash, cut to 20 characters.
fn disk(guest: &Guest, volume: &str) -> Option<String> {
    let serial: String = volume.replace('-', "").chars().take(20).collect();
    let found = guest.try_ssh(&format!("grep -l {serial} /sys/block/vd*/serial")).out;
    found.trim().split('/').nth(3).map(str::to_owned)
}

fn appears(guest: &Guest, volume: &str) -> String {
    eventually("the guest sees the volume", || disk(guest, volume))
}

fn state(site: &Site, volume: &str) -> String {
    let query = ["--query", "Volumes[0].[State,Attachments[0].State]", "--output", "text"];
    site.aws(&[&["describe-volumes", "--volume-ids", volume][..], &query].concat())
}

#[test]
fn a_volume_carries_data_from_one_running_guest_to_another_and_grows_in_use() {
    let Some(site) = Site::new("hot volumes") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    let (one, other) = (site.guest("mine", &key, &group, &[]), site.guest("mine", &key, &group, &[]));
    let id = volume(&site, &one.id, "1");
    attach(&site, &id, &one);
    site.aws(&["wait", "volume-in-use", "--volume-ids", &id]);
    let name = appears(&one, &id);
    eventually("it is attached", || (state(&site, &id) == "in-use\tattached").then_some(()));
    one.ssh(&format!(
        "sudo mkfs.ext4 -q /dev/{name} && sudo mount /dev/{name} /mnt && echo carried | sudo tee /mnt/note"
    ));

    site.aws(&["modify-volume", "--volume-id", &id, "--size", "2"]);
    eventually("the guest sees it grow", || {
        (one.ssh(&format!("cat /sys/block/{name}/size")) == (2u64 << 30 >> 9).to_string()).then_some(())
    });
    let query = ["--query", "VolumesModifications[0].ModificationState", "--output", "text"];
    eventually("the modification is completed", || {
        let told = site.aws(&[&["describe-volumes-modifications", "--volume-ids", &id][..], &query].concat());
        (told == "completed").then_some(())
    });
    one.ssh(&format!("sudo umount /mnt && sudo resize2fs -f /dev/{name}"));

    site.aws(&["detach-volume", "--volume-id", &id]);
    site.aws(&["wait", "volume-available", "--volume-ids", &id]);
    assert_eq!(disk(&one, &id), None, "the guest has let go of it");
    attach(&site, &id, &other);
    let name = appears(&other, &id);
    assert_eq!(other.ssh(&format!("sudo mount /dev/{name} /mnt && cat /mnt/note")), "carried");
    assert!(one.try_ssh("true").ok, "the first guest goes on");

    // By force, while it is mounted: the guest is not asked.
    site.aws(&["detach-volume", "--volume-id", &id, "--force"]);
    site.aws(&["wait", "volume-available", "--volume-ids", &id]);
    eventually("the disk is gone", || disk(&other, &id).is_none().then_some(()));
    assert!(other.try_ssh("true").ok, "the guest goes on without it");
    site.aws(&["delete-volume", "--volume-id", &id]);
    site.aws(&["wait", "volume-deleted", "--volume-ids", &id]);
}

#[test]
fn the_daemon_dies_between_a_volumes_coming_and_going_and_a_stop_settles_the_rest() {
    let Some(mut site) = Site::new("volumes and the daemon's death") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    let guest = site.guest("mine", &key, &group, &[]);
    let id = volume(&site, &guest.id, "1");
    attach(&site, &id, &guest);
    site.kill_daemon();
    site.start_daemon();
    appears(&guest, &id);
    eventually("it is attached", || (state(&site, &id) == "in-use\tattached").then_some(()));
    site.aws(&["detach-volume", "--volume-id", &id]);
    site.kill_daemon();
    site.start_daemon();
    eventually("it is detached", || (state(&site, &id) == "available\tNone").then_some(()));
    assert_eq!(disk(&guest, &id), None);

    site.aws(&["stop-instances", "--instance-ids", &guest.id]);
    site.wait_for(&guest.id, "stopped");
    attach(&site, &id, &guest);
    assert_eq!(state(&site, &id), "in-use\tattached", "a stopped instance has it at once");
    site.aws(&["start-instances", "--instance-ids", &guest.id]);
    let again = site.reach(&guest.id, &key);
    appears(&again, &id);
}

#[test]
fn a_snapshot_of_a_disk_in_use_holds_what_was_written_and_becomes_volumes_and_images() {
    let Some(site) = Site::new("snapshots in use") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    let guest = site.guest("mine", &key, &group, &[]);
    let id = volume(&site, &guest.id, "1");
    attach(&site, &id, &guest);
    let name = appears(&guest, &id);
    guest.ssh(&format!("sudo mkfs.ext4 -q /dev/{name} && sudo mount /dev/{name} /mnt"));
    guest.ssh("echo before | sudo tee /mnt/note && sync");
    let text = ["--query", "SnapshotId", "--output", "text"];
    let snapshot = site.aws(&[&["create-snapshot", "--volume-id", &id][..], &text].concat());
    site.aws(&["wait", "snapshot-completed", "--snapshot-ids", &snapshot]);
    guest.ssh("echo behind | sudo tee /mnt/note && sync && sudo umount /mnt");
    site.aws(&["detach-volume", "--volume-id", &id]);
    site.aws(&["wait", "volume-available", "--volume-ids", &id]);

    let zone = site.instance(&guest.id)["Placement"]["AvailabilityZone"].as_str().unwrap().to_owned();
    let made = ["create-volume", "--availability-zone", &zone, "--snapshot-id", &snapshot];
    let copy = site.aws(&[&made[..], &["--query", "VolumeId", "--output", "text"]].concat());
    site.aws(&["wait", "volume-available", "--volume-ids", &copy]);
    for (volume, note) in [(&copy, "before"), (&id, "behind")] {
        attach(&site, volume, &guest);
        let name = appears(&guest, volume);
        let read = guest.ssh(&format!("sudo mount /dev/{name} /mnt && cat /mnt/note && sudo umount /mnt"));
        assert_eq!(read, note);
        site.aws(&["detach-volume", "--volume-id", volume]);
        site.aws(&["wait", "volume-available", "--volume-ids", volume]);
    }

    guest.ssh("echo golden >note && sync");
    let made = ["create-image", "--instance-id", &guest.id, "--name", "golden", "--no-reboot"];
    let image = site.aws(&[&made[..], &["--query", "ImageId", "--output", "text"]].concat());
    site.aws(&["wait", "image-available", "--image-ids", &image]);
    site.aws(&["delete-snapshot", "--snapshot-id", &snapshot]);
    let launch =
        ["run-instances", "--image-id", &image, "--instance-type", "test.tiny", "--key-name", "mine"];
    let launched = site.aws_json(&[&launch[..], &["--security-group-ids", &group]].concat());
    let twin = site.reach(launched["Instances"][0]["InstanceId"].as_str().unwrap(), &key);
    assert_eq!(twin.ssh("cat note"), "golden");
    assert!(guest.try_ssh("true").ok, "the source goes on");
}
