//! An instance to serve in tests, and a source that serves what it is told.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cumulet_model::VpcId;
use cumulet_model::attachment::AttachmentState;
use cumulet_model::instance::{Instance, InstanceBlockDevice, MetadataOptions};
use cumulet_model::network::{GroupRef, InterfaceAttachment, NetworkInterface, Subnet, Vpc};
use cumulet_model::place::Region;
use cumulet_model::state::{InstanceState, ShutdownBehavior};
use cumulet_model::{InstanceId, MacAddr, Tags};
use jiff::Timestamp;

use crate::source::{InstanceMetadata, MetadataSource, PublicKey, SourceError};

/// The VPC of [`instance`].
pub fn vpc_id() -> VpcId {
    id("vpc-0123456789abcdef0")
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a fixture's id is well formed")
}

/// An instance with everything that metadata can show: two volumes, a public address, a key, tags, user data.
/// Instances of different numbers have different ids and addresses.
pub fn instance(number: u8) -> InstanceMetadata {
    let address = Ipv4Addr::new(172, 31, 0, 10 + number);
    let launched = Timestamp::from_second(1_767_323_045).expect("a fixture's time is in range");
    let groups = vec![GroupRef { id: id("sg-0123456789abcdef0"), name: "default".to_owned() }];
    let instance_id: InstanceId = id(&format!("i-0123456789abcde{number:02x}"));
    let attachment = InterfaceAttachment {
        id: id("eni-attach-0123456789abcdef0"),
        instance_id: instance_id.clone(),
        device_index: 0,
        attached: launched,
        delete_on_termination: true,
        state: AttachmentState::Attached,
        force: false,
    };
    let interface = NetworkInterface {
        id: id("eni-0123456789abcdef0"),
        vpc_id: vpc_id(),
        subnet_id: id("subnet-0123456789abcdef0"),
        zone: "us-east-1a".to_owned(),
        description: String::new(),
        mac: MacAddr::for_private_ip(1, address),
        private_ip: address,
        kind: Default::default(),
        public_ip: Some(Ipv4Addr::new(198, 18, 0, 10 + number)),
        elastic: None,
        secondary: vec![],
        ipv6: vec![],
        primary_ipv6: false,
        groups: groups.clone(),
        source_dest_check: true,
        attachment: Some(attachment),
        created: launched,
        tags: Tags::new(),
    };
    let device = |name: &str, volume: &str| InstanceBlockDevice {
        device_name: name.to_owned(),
        volume_id: id(volume),
        attached: launched,
        delete_on_termination: true,
        state: AttachmentState::Attached,
    };
    let instance = Instance {
        id: instance_id,
        reservation_id: id("r-0123456789abcdef0"),
        launch_index: 0,
        image_id: id("ami-0123456789abcdef0"),
        kernel_id: Some(id("aki-0123456789abcdef0")),
        ramdisk_id: None,
        instance_type: "t3.micro".to_owned(),
        key_name: Some("my key".to_owned()),
        state: InstanceState::Running,
        state_reason: None,
        state_transition_reason: String::new(),
        launch_time: launched,
        terminated: None,
        zone: "us-east-1a".to_owned(),
        vpc_id: vpc_id(),
        subnet_id: id("subnet-0123456789abcdef0"),
        interfaces: vec![interface],
        groups,
        root_device_name: "/dev/xvda".to_owned(),
        block_devices: vec![
            device("/dev/xvda", "vol-0123456789abcdef0"),
            device("/dev/sdb", "vol-0123456789abcdef1"),
        ],
        metadata_options: MetadataOptions { tags_enabled: true, ..MetadataOptions::default() },
        shutdown_behavior: ShutdownBehavior::Stop,
        disable_api_termination: false,
        disable_api_stop: false,
        hibernation: false,
        hibernated: false,
        client_token: None,
        monitoring: false,
        forked_from: None,
        tags: Tags::from([
            ("Name".to_owned(), "web".to_owned()),
            ("has space".to_owned(), "hidden".to_owned()),
        ]),
    };
    InstanceMetadata {
        instance,
        account_id: "123456789012".to_owned(),
        region: Region::new("us-east-1", 2),
        vpc: Vpc {
            is_default: true,
            dns_hostnames: true,
            dhcp_options_id: Some(id("dopt-0123456789abcdef0")),
            ..Vpc::new(vpc_id(), "172.31.0.0/16".parse().expect("a fixture's block is well formed"))
        },
        subnets: vec![Subnet {
            default_for_zone: true,
            map_public_ip_on_launch: true,
            available_addresses: 4000,
            ..Subnet::new(
                id("subnet-0123456789abcdef0"),
                vpc_id(),
                "172.31.0.0/20".parse().expect("a fixture's block is well formed"),
                "us-east-1a",
            )
        }],
        architecture: "x86_64".to_owned(),
        public_keys: vec![PublicKey {
            name: "my key".to_owned(),
            openssh: "ssh-ed25519 AAAAC3Nz my key".to_owned(),
        }],
        user_data: Some(b"#!/bin/sh\necho hello\n".to_vec()),
    }
}

/// Instances by the address that asks; they can be changed while they are served.
#[derive(Debug, Clone, Default)]
pub struct Fixed {
    instances: Arc<Mutex<HashMap<IpAddr, InstanceMetadata>>>,
}

impl Fixed {
    /// Lets an address be this instance.
    pub fn put(&self, address: impl Into<IpAddr>, facts: InstanceMetadata) {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner).insert(address.into(), facts);
    }
}

#[async_trait]
impl MetadataSource for Fixed {
    async fn by_address(
        &self,
        vpc: &VpcId,
        address: IpAddr,
    ) -> Result<Option<InstanceMetadata>, SourceError> {
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(instances.get(&address).filter(|facts| facts.instance.vpc_id == *vpc).cloned())
    }
}
