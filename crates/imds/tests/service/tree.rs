//! The tree: every listed path answers, and answers what the facts say.

use std::collections::BTreeMap;

use crate::service::Service;

/// Walks a folder as cloud-init does: names with a slash are folders, `0=name` is a key, everything else a file.
fn walk(service: &Service, folder: &str, found: &mut BTreeMap<String, String>) {
    let listing = service.get(folder);
    assert_eq!(listing.status, 200, "{folder}");
    let text = listing.text();
    assert!(!text.ends_with('\n'), "{folder} ends with a line end");
    let names: Vec<_> = text.lines().collect();
    assert!(names.is_sorted(), "{folder} is not sorted: {names:?}");
    for name in names {
        if let Some((index, _)) = name.split_once('=') {
            let path = format!("{folder}{index}/openssh-key");
            found.insert(path.clone(), service.get(&path).text().to_owned());
        } else if name.ends_with('/') {
            walk(service, &format!("{folder}{name}"), found);
        } else {
            let path = format!("{folder}{name}");
            let file = service.get(&path);
            assert_eq!((file.status, file.header("content-type")), (200, Some("text/plain")), "{path}");
            found.insert(path, file.text().to_owned());
        }
    }
}

#[test]
fn every_listed_path_answers_and_tells_the_facts() {
    let service = Service::start();
    let mut found = BTreeMap::new();
    walk(&service, "/2021-03-23/meta-data/", &mut found);
    let mac = "network/interfaces/macs/02:01:ac:1f:00:0a";
    let expected = [
        ("ami-id", "ami-0123456789abcdef0"),
        ("ami-launch-index", "0"),
        ("ami-manifest-path", "(unknown)"),
        ("block-device-mapping/ami", "/dev/xvda"),
        ("block-device-mapping/ebs1", "sdb"),
        ("block-device-mapping/root", "/dev/xvda"),
        ("events/maintenance/history", "[]"),
        ("events/maintenance/scheduled", "[]"),
        ("hostname", "ip-172-31-0-10.ec2.internal"),
        ("instance-action", "none"),
        ("instance-id", "i-0123456789abcde00"),
        ("instance-life-cycle", "on-demand"),
        ("instance-type", "t3.micro"),
        ("kernel-id", "aki-0123456789abcdef0"),
        ("local-hostname", "ip-172-31-0-10.ec2.internal"),
        ("local-ipv4", "172.31.0.10"),
        ("mac", "02:01:ac:1f:00:0a"),
        (&format!("{mac}/device-number"), "0"),
        (&format!("{mac}/interface-id"), "eni-0123456789abcdef0"),
        (&format!("{mac}/ipv4-associations/198.18.0.10"), "172.31.0.10"),
        (&format!("{mac}/local-hostname"), "ip-172-31-0-10.ec2.internal"),
        (&format!("{mac}/local-ipv4s"), "172.31.0.10"),
        (&format!("{mac}/mac"), "02:01:ac:1f:00:0a"),
        (&format!("{mac}/owner-id"), "123456789012"),
        (&format!("{mac}/public-hostname"), "ec2-198-18-0-10.compute-1.amazonaws.com"),
        (&format!("{mac}/public-ipv4s"), "198.18.0.10"),
        (&format!("{mac}/security-group-ids"), "sg-0123456789abcdef0"),
        (&format!("{mac}/security-groups"), "default"),
        (&format!("{mac}/subnet-id"), "subnet-0123456789abcdef0"),
        (&format!("{mac}/subnet-ipv4-cidr-block"), "172.31.0.0/20"),
        (&format!("{mac}/vpc-id"), "vpc-0123456789abcdef0"),
        (&format!("{mac}/vpc-ipv4-cidr-block"), "172.31.0.0/16"),
        (&format!("{mac}/vpc-ipv4-cidr-blocks"), "172.31.0.0/16"),
        ("placement/availability-zone", "us-east-1a"),
        ("placement/availability-zone-id", "use1-az1"),
        ("placement/region", "us-east-1"),
        ("profile", "default-hvm"),
        ("public-hostname", "ec2-198-18-0-10.compute-1.amazonaws.com"),
        ("public-ipv4", "198.18.0.10"),
        ("public-keys/0/openssh-key", "ssh-ed25519 AAAAC3Nz my key\n"),
        ("reservation-id", "r-0123456789abcdef0"),
        ("security-groups", "default"),
        ("services/domain", "amazonaws.com"),
        ("services/partition", "aws"),
        ("system", "nitro"),
        ("tags/instance/Name", "web"),
    ];
    let info = found.remove("/2021-03-23/meta-data/identity-credentials/ec2/info").unwrap();
    assert!(info.contains("\"AccountId\": \"123456789012\""), "{info}");
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(path, text)| (format!("/2021-03-23/meta-data/{path}"), (*text).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn what_does_not_apply_is_not_there() {
    let service = Service::start();
    service.change(|facts| {
        facts.instance.interfaces[0].public_ip = None;
        facts.instance.kernel_id = None;
        facts.instance.metadata_options.tags_enabled = false;
        facts.public_keys.clear();
        facts.user_data = None;
    });
    let mut found = BTreeMap::new();
    walk(&service, "/latest/meta-data/", &mut found);
    for gone in ["public-", "kernel-id", "tags", "ipv4-associations", "spot", "iam"] {
        assert!(!found.keys().any(|path| path.contains(gone)), "{gone}");
    }
    let paths = [
        "spot/instance-action",
        "spot/termination-time",
        "events/recommendations/rebalance",
        "public-keys/",
        "iam/info",
    ];
    for path in paths {
        assert_eq!(service.get(&format!("/latest/meta-data/{path}")).status, 404, "{path}");
    }
    assert_eq!(service.get("/latest/user-data").status, 404);
    assert_eq!(service.get("/latest/").text(), "dynamic\nmeta-data");
}

#[test]
fn folders_list_with_and_without_their_slash_and_files_have_none() {
    let service = Service::start();
    for folder in ["", "/placement", "/network/interfaces/macs", "/public-keys", "/public-keys/0"] {
        let path = format!("/latest/meta-data{folder}");
        let (with, without) = (service.get(&format!("{path}/")), service.get(&path));
        assert_eq!((with.status, with.text()), (without.status, without.text()), "{path}");
        assert_eq!(with.status, 200, "{path}");
    }
    assert_eq!(service.get("/latest/meta-data/public-keys/").text(), "0=my key");
    assert_eq!(service.get("/latest/meta-data/public-keys/0/").text(), "openssh-key");
    assert_eq!(service.get("/latest/meta-data/instance-id/").status, 404);
    assert_eq!(service.get("/latest/meta-data/instance-id/x").status, 404);
    assert_eq!(service.get("//latest//meta-data//instance-id").status, 200);
}

#[test]
fn versions_are_listed_and_all_have_the_tree() {
    let service = Service::start();
    let listing = service.get("/");
    let versions: Vec<_> = listing.text().lines().collect();
    assert_eq!((versions.first(), versions.last()), (Some(&"1.0"), Some(&"latest")));
    for version in ["2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23"] {
        assert!(versions.contains(&version), "{version}");
    }
    for version in versions {
        assert_eq!(service.get(&format!("/{version}/meta-data/instance-id")).text(), "i-0123456789abcde00");
        assert_eq!(service.get(&format!("/{version}/user-data")).status, 200);
    }
    assert_eq!(service.get("/2001-01-01/meta-data/").status, 404);
    assert_eq!(service.get("/latest").text(), "dynamic\nmeta-data\nuser-data");
}

#[test]
fn user_data_comes_as_it_was_given() {
    let service = Service::start();
    let bytes: Vec<u8> = (0..16 * 1024).map(|n| (n % 256) as u8).collect();
    service.change(|facts| facts.user_data = Some(bytes.clone()));
    let reply = service.get("/latest/user-data");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/octet-stream")));
    assert_eq!(reply.body, bytes);
}

#[test]
fn what_is_not_found_says_so_in_a_page() {
    let service = Service::start();
    for path in ["/latest/nothing", "/latest/meta-data/nothing", "/latest/%zz", "/latest/dynamic/x"] {
        let reply = service.get(path);
        assert_eq!((reply.status, reply.header("content-type")), (404, Some("text/html")), "{path}");
        assert!(reply.text().contains("<h1>404 - Not Found</h1>"));
    }
}
