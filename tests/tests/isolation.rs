//! What a guest must not get: another's metadata, another's address, the host.

use cumulet_e2e::{Guest, Site};

#[test]
fn a_guest_gets_neither_anothers_metadata_nor_anothers_address() {
    let Some(site) = Site::new("isolation") else { return };
    let key = site.key_pair("mine");
    let group = site.group("open", &["22"]);
    site.aws(&[
        "authorize-security-group-ingress",
        "--group-id",
        &group,
        "--protocol",
        "all",
        "--cidr",
        "0.0.0.0/0",
    ]);
    let (spy, victim) = (site.guest("mine", &key, &group, &[]), site.guest("mine", &key, &group, &[]));

    let who = "curl -s -m 5 http://169.254.169.254/latest/meta-data/instance-id";
    assert_eq!(spy.ssh(who), spy.id);
    assert_eq!(victim.ssh(who), victim.id);
    let forwarded = format!("{who} -H 'X-Forwarded-For: {}'", victim.private_ip);
    assert_ne!(spy.ssh(&forwarded), victim.id, "no header tells who is asking");
    let token = victim.ssh(
        "curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token",
    );
    let stolen = format!("{who} -o /dev/null -w '%{{http_code}}' -H 'X-aws-ec2-metadata-token: {token}'");
    assert_eq!(spy.ssh(&stolen), "401", "a token is good on its own instance only");

    let packets = |guest: &Guest, source: &str| -> u64 {
        let counters = guest.ssh("sudo iptables -L INPUT -v -x -n");
        let line =
            counters.lines().find(|line| line.contains(source)).unwrap_or_else(|| panic!("{counters}"));
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    let watch =
        |guest: &Guest, source: &str| guest.ssh(&format!("sudo iptables -I INPUT -s {source} -j ACCEPT"));
    // What comes from its own address arrives; what comes from one that nobody has does not.
    watch(&victim, &spy.private_ip);
    watch(&victim, "172.31.0.200");
    spy.ssh("sudo ip address add 172.31.0.200/32 dev eth0");
    assert!(
        spy.try_ssh(&format!("sudo ping -c 2 -W 5 {}", victim.private_ip)).ok,
        "the group lets it through"
    );
    spy.try_ssh(&format!("sudo ping -c 2 -W 3 -I 172.31.0.200 {}", victim.private_ip));
    assert!(packets(&victim, &spy.private_ip) >= 2, "the watch sees what arrives");
    assert_eq!(packets(&victim, "172.31.0.200"), 0, "a source address that is not its own");

    // The spy takes the victim's address beside its own, and asks the metadata service as the victim.
    let dropped = site.dropped_spoofs();
    spy.ssh(&format!("sudo ip address add {}/32 dev eth0", victim.private_ip));
    let as_victim = format!(
        "curl -s -m 5 --interface {} http://169.254.169.254/latest/meta-data/instance-id",
        victim.private_ip
    );
    let told = spy.try_ssh(&as_victim);
    assert!(!told.ok && told.out.is_empty(), "the metadata service answered a spoofed address: {}", told.out);
    assert!(site.dropped_spoofs() > dropped, "the packets went as far as the tap, and no further");
    assert_eq!(victim.ssh(who), victim.id, "the victim notices nothing");
}

#[test]
fn a_guest_does_not_reach_the_daemon_or_the_host() {
    let Some(site) = Site::new("guest and host") else { return };
    let key = site.key_pair("mine");
    let guest = site.guest("mine", &key, &site.group("ssh", &["22"]), &[]);
    let pool_host = guest.public_ip.rsplit_once('.').unwrap().0.to_owned() + ".1";
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for address in [pool_host.as_str(), "172.31.0.1", "169.254.169.254"] {
        let told = guest.try_ssh(&format!("curl -s -m 4 telnet://{address}:{port} </dev/null; echo $?"));
        let code = told.out.trim().lines().last().unwrap_or_default().to_owned();
        assert!(matches!(code.as_str(), "7" | "28"), "{address}:{port} from a guest: {told:?}");
    }
}
