//! Databases of older versions are brought up to date with what is in them.

use cumulet_store::Store;
use sqlx::migrate::Migrator;
use sqlx::{Connection, Executor, SqliteConnection};

/// A database as the last version before whole VPCs left it, with a running instance in the default VPC.
async fn old_database(path: &std::path::Path) {
    let all =
        Migrator::new(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).await.unwrap();
    let old = |version: i64| version <= 5 || version == 10;
    let old: Vec<_> = all.migrations.iter().filter(|migration| old(migration.version)).cloned().collect();
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    Migrator::with_migrations(old).run(&mut connection).await.unwrap();
    let rows = r#"
        INSERT INTO vpcs VALUES ('vpc-0000000000000000a', '172.31.0.0/16', 1, 'dopt-0000000000000000a');
        INSERT INTO subnets VALUES ('subnet-0000000000000000a', 'vpc-0000000000000000a', '172.31.0.0/20', 'us-east-1a', 1, 1,
            '172.31.0.4');
        INSERT INTO subnets VALUES ('subnet-0000000000000000b', 'vpc-0000000000000000a', '172.31.16.0/20', 'us-east-1b', 1, 1,
            NULL);
        INSERT INTO security_groups VALUES ('sg-0000000000000000a', 'vpc-0000000000000000a', 'default', 'default');
        INSERT INTO security_group_rules VALUES (1, 'sgr-0000000000000000a', 'sg-0000000000000000a', 'egress',
            '{"traffic":"all","peer":{"cidr":"0.0.0.0/0"}}', NULL);
        INSERT INTO instances (id, reservation_id, launch_index, image_id, boot_args, instance_type, intent, machine,
            launch_time, zone, vpc_id, subnet_id, root_device_name, metadata_options, shutdown_behavior,
            disable_api_termination, disable_api_stop, monitoring)
            VALUES ('i-0000000000000000a', 'r-0000000000000000a', 0, 'ami-0000000000000000a', '', 't3.micro', 'run', 'on', 0,
            'us-east-1a', 'vpc-0000000000000000a', 'subnet-0000000000000000a', '/dev/xvda',
            '{"tokens_required":false,"endpoint_enabled":true,"hop_limit":1,"tags_enabled":false}', 'stop', 0, 0, 0);
        INSERT INTO interfaces (id, vpc_id, subnet_id, description, mac, private_ip, public_ip, auto_public_ip,
            source_dest_check, created, instance_id, attachment_id, device_index, attached, delete_on_termination,
            attachment_state)
            VALUES ('eni-0000000000000000a', 'vpc-0000000000000000a', 'subnet-0000000000000000a', '', '02:00:00:00:00:01',
            '172.31.0.4', '198.18.0.4', 1, 1, 0, 'i-0000000000000000a', 'eni-attach-0000000000000000a', 0, 0, 1, 'attached');
        INSERT INTO interface_groups VALUES ('eni-0000000000000000a', 0, 'sg-0000000000000000a');
    "#;
    connection.execute(rows).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn an_older_database_keeps_its_interfaces_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cumulet.db");
    old_database(&path).await;
    let store = Store::open(&path).await.unwrap();
    let interface = store.interfaces().await.unwrap().remove(0).interface;
    assert_eq!(interface.kind.as_str(), "interface");
    assert_eq!(interface.public_ip.unwrap().to_string(), "198.18.0.4");
    assert!(interface.elastic.is_none() && interface.secondary.is_empty() && interface.ipv6.is_empty());
    assert_eq!(interface.groups[0].name, "default");
    assert!(store.addresses().await.unwrap().is_empty());
    store.close().await;
    Store::open(&path).await.expect("a second start finds nothing to do");
}

#[tokio::test]
async fn an_older_databases_default_vpc_gets_what_it_worked_as_if_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cumulet.db");
    old_database(&path).await;
    let store = Store::open(&path).await.unwrap();
    let vpc = store.vpcs().await.unwrap().remove(0);
    assert!(vpc.is_default && vpc.dns_support && vpc.dns_hostnames && vpc.more_cidrs.is_empty());
    let options = store.dhcp_options().await.unwrap();
    assert!(
        options.len() == 1 && options[0].is_default && vpc.dhcp_options_id == Some(options[0].id.clone())
    );
    let gateway = store.internet_gateways().await.unwrap().remove(0);
    assert_eq!(gateway.vpc_id.as_ref(), Some(&vpc.id));
    let table = store.route_tables().await.unwrap().remove(0);
    assert!(table.vpc_id == vpc.id && table.main.is_some() && table.subnets.is_empty());
    let routes: Vec<_> =
        table.routes.iter().map(|r| (r.destination.to_string(), r.target.to_string())).collect();
    assert_eq!(routes, [("0.0.0.0/0".to_owned(), gateway.id.to_string())]);
    let subnets = store.subnets().await.unwrap();
    assert!(
        subnets.iter().all(|record| record.subnet.map_public_ip_on_launch && record.subnet.ipv6.is_none())
    );
    assert_eq!(subnets[0].last_private_ip.unwrap().to_string(), "172.31.0.4");
    let instance = store.instances().await.unwrap().remove(0);
    assert_eq!((instance.vpc_id, &instance.subnet_id), (vpc.id, &subnets[0].subnet.id));
}

/// A terminated instance stays listed, and its subnet can go all the same.
#[tokio::test]
async fn a_listed_instance_does_not_hold_its_subnet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cumulet.db");
    old_database(&path).await;
    let store = Store::open(&path).await.unwrap();
    let instance = store.instances().await.unwrap().remove(0);
    assert!(store.delete_subnet(&instance.subnet_id).await.is_err(), "its interface is in it");
    store.interfaces_of(&instance.id).await.unwrap();
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    connection.execute("DELETE FROM interfaces").await.unwrap();
    store.delete_subnet(&instance.subnet_id).await.unwrap();
    assert_eq!(store.instances().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_older_databases_vpc_gets_its_default_acl() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cumulet.db");
    old_database(&path).await;
    let store = Store::open(&path).await.unwrap();
    let acls = store.network_acls().await.unwrap();
    let [acl] = &acls[..] else { panic!("one ACL, not {acls:?}") };
    assert!(acl.is_default && acl.allows_all(false) && acl.entries.len() == 2);
    assert_eq!(acl.associations.len(), 2, "each subnet is associated with it");
    assert!(store.prefix_lists().await.unwrap().is_empty());
}
