//! A network interface that comes and goes while a guest runs.

use cumulet_e2e::{Guest, Site, eventually};

#[test]
fn an_interface_comes_with_its_address_and_metadata_and_goes() {
    let Some(site) = Site::new("hot interfaces") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    let guest = site.guest("mine", &key, &group, &["--instance-type", "t2.nano"]);
    let subnet = site.instance(&guest.id)["SubnetId"].as_str().unwrap().to_owned();
    let made = site.aws_json(&["create-network-interface", "--subnet-id", &subnet, "--groups", &group]);
    let text = |name: &str| made["NetworkInterface"][name].as_str().unwrap().to_owned();
    let (eni, mac, address) = (text("NetworkInterfaceId"), text("MacAddress"), text("PrivateIpAddress"));
    site.aws(&["wait", "network-interface-available", "--network-interface-ids", &eni]);
    let place = ["--network-interface-id", &eni, "--instance-id", &guest.id, "--device-index", "1"];
    let attachment = site.aws_json(&[&["attach-network-interface"][..], &place].concat());
    let attachment = attachment["AttachmentId"].as_str().unwrap();

    let name = eventually("the guest sees the interface", || {
        let found = guest.try_ssh(&format!("grep -l {mac} /sys/class/net/*/address")).out;
        found.trim().split('/').nth(4).map(str::to_owned)
    });
    let lease = guest
        .ssh(&format!("sudo ip link set {name} up; sudo busybox udhcpc -i {name} -n -q -s /bin/true 2>&1"));
    assert!(lease.contains(&address), "{lease}");
    let look = |path: &str| {
        let base = "http://169.254.169.254/latest";
        let token = format!("$(curl -sX PUT {base}/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')");
        let header = format!("\"X-aws-ec2-metadata-token: {token}\"");
        guest.ssh(&format!("curl -s -H {header} {base}/meta-data/network/interfaces/macs/{path}"))
    };
    assert!(look("").contains(&mac), "{}", look(""));
    assert_eq!(look(&format!("{mac}/interface-id")), eni);
    assert_eq!(look(&format!("{mac}/local-ipv4s")), address);
    assert_eq!(look(&format!("{mac}/device-number")), "1");

    site.aws(&["detach-network-interface", "--attachment-id", attachment]);
    site.aws(&["wait", "network-interface-available", "--network-interface-ids", &eni]);
    assert!(!guest.try_ssh(&format!("test -e /sys/class/net/{name}")).ok, "the guest has let go of it");
    assert!(!look("").contains(&mac));
    site.aws(&["delete-network-interface", "--network-interface-id", &eni]);
    let left = site.try_aws(&["describe-network-interfaces", "--network-interface-ids", &eni]);
    assert!(left.err.contains("InvalidNetworkInterfaceID.NotFound"), "{}", left.err);
}

#[test]
fn an_interface_has_as_many_queues_as_its_instance_can_use() {
    let Some(site) = Site::new("queues") else { return };
    let key = site.key_pair("mine");
    let group = site.group("ssh", &["22"]);
    let guest = site.guest("mine", &key, &group, &["--instance-type", "test.wide"]);
    let queues = |guest: &Guest| guest.ssh("ls /sys/class/net/eth0/queues | grep -c rx-");
    assert_eq!(queues(&guest), "2");
    assert_eq!(guest.ssh("nproc"), "2");
    site.aws(&["stop-instances", "--instance-ids", &guest.id]);
    site.wait_for(&guest.id, "stopped");
    let narrow = ["--instance-type", "{\"Value\": \"test.tiny\"}"];
    site.aws(&[&["modify-instance-attribute", "--instance-id", &guest.id][..], &narrow].concat());
    site.aws(&["start-instances", "--instance-ids", &guest.id]);
    let guest = site.reach(&guest.id, &key);
    assert_eq!(queues(&guest), "1");
}
