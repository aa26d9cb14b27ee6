//! A new user's first instance, by the aws CLI alone: key pair, group, launch with user data, page, ssh.

use cumulet_e2e::{Site, eventually};

const USER_DATA: &str = "#!/bin/sh
mkdir -p /srv/www
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
curl -s -H \"X-aws-ec2-metadata-token: $token\" \\
    http://169.254.169.254/latest/meta-data/placement/availability-zone >/srv/www/index.html
busybox httpd -p 80 -h /srv/www
";

#[test]
fn it_serves_the_page_that_its_user_data_set_up_and_answers_ssh() {
    let Some(site) = Site::new("first instance") else { return };
    let key = site.key_pair("mine");
    let group = site.group("web", &["22", "80"]);
    let script = site.path("user-data.sh");
    std::fs::write(&script, USER_DATA).unwrap();
    let user_data = format!("file://{}", script.display());
    let tags = "ResourceType=instance,Tags=[{Key=Name,Value=web-1}]";
    let guest = site.guest("mine", &key, &group, &["--user-data", &user_data, "--tag-specifications", tags]);

    let zone = site.instance(&guest.id)["Placement"]["AvailabilityZone"].as_str().unwrap().to_owned();
    let page = eventually("the page is served", || guest.try_page(80).filter(|page| !page.is_empty()));
    assert_eq!(page.trim(), zone);
    assert_eq!(guest.ssh("hostname"), format!("ip-{}", guest.private_ip.replace('.', "-")));
    let uuid = guest.ssh("sudo cat /sys/class/dmi/id/product_uuid");
    assert!(uuid.starts_with("ec2"), "{uuid}");

    let found = site.aws(&[
        "describe-instances",
        "--filters",
        "Name=instance-state-name,Values=running",
        "Name=tag:Name,Values=web*",
        "--query",
        "Reservations[].Instances[].[InstanceId,PublicIpAddress]",
        "--output",
        "text",
    ]);
    assert_eq!(found, format!("{}\t{}", guest.id, guest.public_ip));
    site.aws(&["wait", "instance-running", "--instance-ids", &guest.id]);
    site.aws(&["wait", "instance-status-ok", "--instance-ids", &guest.id]);
    let console = site.aws(&["get-console-output", "--instance-id", &guest.id, "--output", "text"]);
    assert!(console.contains("Linux version") || console.contains("cumulet-firstboot"), "{console}");
}
