//! Stories of elastic, secondary and IPv6 addresses in the store.

use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::elastic::ElasticAddress;
use cumulet_model::network::{InterfaceKind, NetworkInterface, Subnet, Vpc};
use cumulet_model::route::RouteTable;
use cumulet_model::security::SecurityGroup;
use cumulet_model::{
    AddressAssociationId, AllocationId, GroupId, InterfaceId, MacAddr, RouteTableAssociationId, RouteTableId,
    SubnetId, Tags, VpcId,
};
use cumulet_store::{InterfaceRecord, NewVpc, Store, StoreError};
use jiff::Timestamp;

struct Site {
    store: Store,
    vpc: VpcId,
    subnet: SubnetId,
    _folder: tempfile::TempDir,
}

async fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("cumulet.db")).await.unwrap();
    let mut rng = rand::rng();
    let (vpc, subnet) = (VpcId::random(&mut rng), SubnetId::random(&mut rng));
    let new = NewVpc {
        vpc: Vpc { is_default: true, ..Vpc::new(vpc.clone(), "172.31.0.0/16".parse().unwrap()) },
        subnets: vec![Subnet::new(
            subnet.clone(),
            vpc.clone(),
            "172.31.0.0/20".parse().unwrap(),
            "us-east-1a",
        )],
        group: SecurityGroup {
            id: GroupId::random(&mut rng),
            vpc_id: vpc.clone(),
            name: "default".into(),
            description: "default".into(),
            rules: vec![],
            tags: Tags::new(),
        },
        routes: RouteTable {
            id: RouteTableId::random(&mut rng),
            vpc_id: vpc.clone(),
            main: Some(RouteTableAssociationId::random(&mut rng)),
            subnets: vec![],
            routes: vec![],
            tags: Tags::new(),
        },
        internet_gateway: None,
    };
    store.add_vpc(&new).await.unwrap();
    Site { store, vpc, subnet, _folder: folder }
}

impl Site {
    async fn interface(&self, last: u8, kind: InterfaceKind) -> NetworkInterface {
        let private_ip = Ipv4Addr::new(172, 31, 0, last);
        let interface = NetworkInterface {
            id: InterfaceId::random(&mut rand::rng()),
            vpc_id: self.vpc.clone(),
            subnet_id: self.subnet.clone(),
            zone: "us-east-1a".into(),
            description: String::new(),
            mac: MacAddr::for_private_ip(1, private_ip),
            kind,
            private_ip,
            public_ip: (kind == InterfaceKind::Interface).then(|| Ipv4Addr::new(198, 18, 0, last)),
            elastic: None,
            secondary: vec![],
            ipv6: vec![],
            primary_ipv6: false,
            groups: vec![],
            source_dest_check: true,
            attachment: None,
            created: Timestamp::UNIX_EPOCH,
            tags: Tags::from([("Name".into(), "x".into())]),
        };
        let record = InterfaceRecord { interface, auto_public_ip: true };
        self.store.add_interface(&record, None).await.unwrap();
        let stored = self.store.interface(&record.interface.id).await.unwrap().unwrap();
        assert_eq!(stored, record);
        record.interface
    }

    async fn read(&self, id: &InterfaceId) -> NetworkInterface {
        self.store.interface(id).await.unwrap().unwrap().interface
    }

    async fn elastic(&self, last: u8) -> ElasticAddress {
        let address = ElasticAddress {
            id: AllocationId::random(&mut rand::rng()),
            public_ip: Ipv4Addr::new(198, 18, 1, last),
            allocated: Timestamp::UNIX_EPOCH,
            association: None,
            tags: Tags::from([("Name".into(), "web".into())]),
        };
        self.store.add_address(&address).await.unwrap();
        assert!(self.store.addresses().await.unwrap().contains(&address));
        address
    }

    async fn lead(&self, elastic: &ElasticAddress, to: &InterfaceId, private_ip: Ipv4Addr) {
        let association = AddressAssociationId::random(&mut rand::rng());
        self.store.associate_address(&elastic.id, &association, to, private_ip).await.unwrap();
    }
}

#[tokio::test]
async fn an_elastic_address_takes_the_place_of_the_dynamic_one_and_leaves_none() {
    let site = site().await;
    let eni = site.interface(4, InterfaceKind::Interface).await;
    let (first, second) = (site.elastic(1).await, site.elastic(2).await);
    site.lead(&first, &eni.id, eni.private_ip).await;
    let held = site.read(&eni.id).await;
    assert_eq!(held.public_ip, Some(first.public_ip));
    assert_eq!(held.elastic.as_ref().unwrap().allocation_id, first.id);
    // A change of something else does not make it a dynamic one.
    let changed = site.store.change_interface::<StoreError>(&eni.id, None, |record, _| {
        record.interface.description = "web".into();
        Ok(())
    });
    changed.await.unwrap();
    assert!(matches!(site.store.delete_address(&first.id).await, Err(StoreError::Gone(_))));

    site.lead(&second, &eni.id, eni.private_ip).await;
    let addresses = site.store.addresses().await.unwrap();
    let of =
        |elastic: &ElasticAddress| addresses.iter().find(|a| a.id == elastic.id).unwrap().association.clone();
    assert_eq!(of(&first), None, "one private address has one elastic address");
    let association = of(&second).unwrap();
    assert_eq!((association.interface_id, association.private_ip), (eni.id.clone(), eni.private_ip));

    site.store.disassociate_address(&association.id).await.unwrap();
    assert!(matches!(site.store.disassociate_address(&association.id).await, Err(StoreError::Gone(_))));
    let held = site.read(&eni.id).await;
    assert_eq!((held.public_ip, held.elastic), (None, None), "the dynamic one was released");
    site.store.delete_address(&second.id).await.unwrap();
    assert_eq!(site.store.addresses().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_elastic_address_is_idle_when_what_it_leads_to_goes() {
    let site = site().await;
    let eni = site.interface(4, InterfaceKind::Interface).await;
    let (first, second) = (site.elastic(1).await, site.elastic(2).await);
    let secondary = Ipv4Addr::new(172, 31, 0, 9);
    site.store.assign_addresses(&eni, &[secondary.into()], false).await.unwrap();
    site.lead(&first, &eni.id, eni.private_ip).await;
    site.lead(&second, &eni.id, secondary).await;
    let held = site.read(&eni.id).await;
    assert_eq!(held.secondary[0].elastic.as_ref().unwrap().public_ip, second.public_ip);
    site.store.unassign_addresses(&eni.id, &[secondary.into()]).await.unwrap();
    let idle = |addresses: Vec<ElasticAddress>| addresses.iter().filter(|a| a.association.is_none()).count();
    assert_eq!(idle(site.store.addresses().await.unwrap()), 1);
    site.store.delete_interface(&eni.id).await.unwrap();
    assert_eq!(idle(site.store.addresses().await.unwrap()), 2);
}

#[tokio::test]
async fn a_secondary_address_moves_with_its_elastic_address() {
    let site = site().await;
    let (from, to) = (
        site.interface(4, InterfaceKind::Interface).await,
        site.interface(5, InterfaceKind::Interface).await,
    );
    let v6: IpAddr = "fd00:c0de:0:100::7".parse().unwrap();
    let address = Ipv4Addr::new(172, 31, 0, 9);
    site.store.assign_addresses(&from, &[address.into(), v6], false).await.unwrap();
    let elastic = site.elastic(1).await;
    site.lead(&elastic, &from.id, address).await;
    let taken = site.store.assign_addresses(&to, &[address.into()], false).await;
    assert!(matches!(taken, Err(StoreError::Duplicate(_))));
    site.store.assign_addresses(&to, &[address.into()], true).await.unwrap();
    let (from, to) = (site.read(&from.id).await, site.read(&to.id).await);
    assert!(from.secondary.is_empty());
    assert_eq!(from.ipv6, [v6]);
    assert_eq!(to.secondary[0].private_ip, address);
    assert_eq!(to.secondary[0].elastic.as_ref().unwrap().allocation_id, elastic.id);
    let association = site.store.addresses().await.unwrap()[0].association.clone().unwrap();
    assert_eq!(association.interface_id, to.id);
}

#[tokio::test]
async fn the_interface_of_a_nat_gateway_is_nobodys_to_delete() {
    let site = site().await;
    let eni = site.interface(4, InterfaceKind::NatGateway).await;
    assert_eq!(eni.status(), "in-use");
    assert!(matches!(site.store.delete_interface(&eni.id).await, Err(StoreError::Gone(_))));
}
