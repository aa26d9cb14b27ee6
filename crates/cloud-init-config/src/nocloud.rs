//! A NoCloud seed: the files that cloud-init reads from a disk labelled `cidata` or from
//! `/var/lib/cloud/seed/nocloud/`, for machines without a metadata service.

use crate::yaml::{self, Mapping, Value};

/// What a seed says. [`files`](Self::files) renders it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seed {
    /// The instance's id; a new one makes cloud-init run again.
    pub instance_id: String,
    /// The host's name.
    pub local_hostname: Option<String>,
    /// Public keys for the default user.
    pub public_keys: Vec<String>,
    /// User data, as it is.
    pub user_data: Vec<u8>,
    /// The network; DHCP on the first interface where absent.
    pub network: Option<Network>,
}

/// Network configuration, version 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    /// The interfaces.
    pub ethernets: Vec<Ethernet>,
}

/// One interface, found by its hardware address.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ethernet {
    /// The name it is given.
    pub name: String,
    /// Its hardware address, as `02:00:00:00:00:01`.
    pub mac: String,
    /// Whether it asks for an IPv4 address.
    pub dhcp4: bool,
    /// Whether it asks for an IPv6 address.
    pub dhcp6: bool,
    /// Fixed addresses with their prefix, as `10.0.0.5/24`.
    pub addresses: Vec<String>,
    /// Routes: destination and gateway, as `default` and `10.0.0.1`.
    pub routes: Vec<(String, String)>,
    /// Name servers.
    pub nameservers: Vec<String>,
    /// The MTU in bytes.
    pub mtu: Option<u16>,
}

impl Seed {
    /// The files by name: `meta-data`, `user-data` and, if there is one, `network-config`.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut files =
            vec![("meta-data", self.meta_data().into_bytes()), ("user-data", self.user_data.clone())];
        files.extend(self.network.as_ref().map(|network| ("network-config", network.to_yaml().into_bytes())));
        files
    }

    fn meta_data(&self) -> String {
        let mut map = Mapping::new();
        map.insert("instance-id", self.instance_id.as_str());
        if let Some(name) = &self.local_hostname {
            map.insert("local-hostname", name.as_str());
        }
        if !self.public_keys.is_empty() {
            map.insert("public-keys", self.public_keys.clone());
        }
        yaml::to_string(&map.into())
    }
}

impl Network {
    /// The text of `network-config`.
    pub fn to_yaml(&self) -> String {
        let ethernets: Mapping = self.ethernets.iter().map(|e| (e.name.as_str(), e.to_mapping())).collect();
        let map = Mapping::from_iter([("version", Value::Int(2)), ("ethernets", ethernets.into())]);
        yaml::to_string(&map.into())
    }
}

impl Ethernet {
    fn to_mapping(&self) -> Mapping {
        let mut map = Mapping::new();
        map.insert("match", Mapping::from_iter([("macaddress", self.mac.as_str())]));
        map.insert("set-name", self.name.as_str());
        map.insert("dhcp4", self.dhcp4);
        map.insert("dhcp6", self.dhcp6);
        if !self.addresses.is_empty() {
            map.insert("addresses", self.addresses.clone());
        }
        if !self.routes.is_empty() {
            let route =
                |(to, via): &(String, String)| Mapping::from_iter([("to", to.as_str()), ("via", via)]);
            map.insert("routes", self.routes.iter().map(route).collect::<Vec<_>>());
        }
        if !self.nameservers.is_empty() {
            map.insert("nameservers", Mapping::from_iter([("addresses", self.nameservers.clone())]));
        }
        if let Some(mtu) = self.mtu {
            map.insert("mtu", Value::Int(mtu.into()));
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_the_files_that_cloud_init_looks_for() {
        let ethernet = Ethernet {
            name: "eth0".into(),
            mac: "02:00:00:00:00:01".into(),
            addresses: vec!["10.0.0.5/24".into()],
            routes: vec![("default".into(), "10.0.0.1".into())],
            ..Ethernet::default()
        };
        let seed = Seed {
            instance_id: "i-0123456789abcdef0".into(),
            local_hostname: Some("web".into()),
            public_keys: vec!["ssh-ed25519 AAAA me".into()],
            user_data: b"#!/bin/sh\n".to_vec(),
            network: Some(Network { ethernets: vec![ethernet] }),
        };
        let files = seed.files();
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["meta-data", "user-data", "network-config"]);
        let meta =
            "instance-id: i-0123456789abcdef0\nlocal-hostname: web\npublic-keys:\n  - ssh-ed25519 AAAA me\n";
        assert_eq!(files[0].1, meta.as_bytes());
        let network = "version: 2\nethernets:\n  eth0:\n    match:\n      macaddress: \"02:00:00:00:00:01\"\n    set-name: eth0\n    \
                       dhcp4: false\n    dhcp6: false\n    addresses:\n      - \"10.0.0.5/24\"\n    routes:\n      - to: default\n        \
                       via: \"10.0.0.1\"\n";
        assert_eq!(String::from_utf8(files[2].1.clone()).unwrap(), network);
    }
}
