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
