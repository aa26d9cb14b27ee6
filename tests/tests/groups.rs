//! Security groups on running instances: closed, opened by authorize, closed again by revoke.

use cumulet_e2e::{Site, eventually};

#[test]
fn a_port_is_blocked_by_the_group_opened_by_authorize_and_closed_by_revoke() {
    let Some(site) = Site::new("groups on running instances") else { return };
    let key = site.key_pair("mine");
    let group = site.group("web", &["22"]);
    let guest = site.guest("mine", &key, &group, &[]);
    guest.ssh("mkdir -p www && echo open >www/index.html && busybox httpd -p 8080 -h $PWD/www");
    assert_eq!(guest.ssh("curl -s http://127.0.0.1:8080/"), "open", "the guest itself is served");
    assert_eq!(guest.try_page(8080), None, "the group has no rule for the port");

    let rule = ["--group-id", &group, "--protocol", "tcp", "--port", "8080", "--cidr", "0.0.0.0/0"];
    site.aws(&[&["authorize-security-group-ingress"], rule.as_slice()].concat());
    assert_eq!(guest.try_page(8080).as_deref().map(str::trim), Some("open"), "authorized, and at once");
    let again = site.try_aws(&[&["authorize-security-group-ingress"], rule.as_slice()].concat());
    assert!(again.err.contains("InvalidPermission.Duplicate"), "{}", again.err);

    site.aws(&[&["revoke-security-group-ingress"], rule.as_slice()].concat());
    assert_eq!(guest.try_page(8080), None, "revoked, and at once");
    // Of a group of the default VPC EC2 tells what it did not know; of another's it is an error.
    let again = site.try_aws(&[&["revoke-security-group-ingress"], rule.as_slice()].concat());
    assert!(
        again.ok && again.out.contains("UnknownIpPermissions") && again.out.contains("8080"),
        "{again:?}"
    );
}

#[test]
fn members_of_a_group_reach_each_other_by_reference_and_others_do_not() {
    let Some(site) = Site::new("group references") else { return };
    let key = site.key_pair("mine");
    let (app, db) = (site.group("app", &["22"]), site.group("db", &["22"]));
    site.aws(&[
        "authorize-security-group-ingress",
        "--group-id",
        &db,
        "--protocol",
        "tcp",
        "--port",
        "5432",
        "--source-group",
        &app,
    ]);
    let (client, server) = (site.guest("mine", &key, &app, &[]), site.guest("mine", &key, &db, &[]));
    server.ssh("mkdir -p www && echo rows >www/index.html && busybox httpd -p 5432 -h $PWD/www");
    let fetch = format!("curl -s -m 5 http://{}:5432/", server.private_ip);
    assert_eq!(client.ssh(&fetch), "rows");
    site.aws(&["modify-instance-attribute", "--instance-id", &client.id, "--groups", &db]);
    assert!(!client.try_ssh(&fetch).ok, "the client has left the group that is let in");
    site.aws(&["modify-instance-attribute", "--instance-id", &client.id, "--groups", &app, &db]);
    eventually("a member again", || client.try_ssh(&fetch).ok.then_some(()));
}
