//! Stories of elastic addresses, on the real engine and store, over fakes of the host.

use cumulet_engine::api::address::{AddressName, AddressTarget, AssociateAddress, AssociationName};
use cumulet_engine::api::instance::RunInstances;
use cumulet_engine::api::interface::CreateInterface;
use cumulet_model::elastic::ElasticAddress;
use cumulet_model::instance::Instance;
use cumulet_model::state::InstanceState;
use cumulet_model::{AddressAssociationId, CloudError, ErrorCode};
use cumulet_test_support::{TestCloud, eventually};

async fn running(test: &TestCloud) -> Instance {
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await
}

async fn allocate(test: &TestCloud) -> ElasticAddress {
    test.cloud.allocate_address(None, Default::default()).await.unwrap()
}

async fn lead(
    test: &TestCloud,
    address: &ElasticAddress,
    target: AddressTarget,
) -> Result<AddressAssociationId, CloudError> {
    let request = AssociateAddress {
        address: AddressName::Allocation(address.id.clone()),
        target,
        private_ip: None,
        allow_reassociation: None,
    };
    test.cloud.associate_address(request).await
}

/// The public address that the network maps to an instance.
fn mapped(test: &TestCloud, instance: &Instance) -> Option<std::net::Ipv4Addr> {
    let interfaces = test.network.spec().vpcs.into_iter().flat_map(|vpc| vpc.interfaces);
    interfaces
        .filter(|interface| interface.instance_id == instance.id)
        .find_map(|interface| interface.public_ip)
}

#[tokio::test]
async fn the_network_maps_an_elastic_address_before_the_answer_is_given() {
    let test = TestCloud::new().await;
    let (first, address) = (running(&test).await, allocate(&test).await);
    assert_eq!(test.cloud.idle_addresses().await.unwrap(), 1);
    assert_ne!(Some(address.public_ip), first.interfaces[0].public_ip);
    let id = lead(&test, &address, AddressTarget::Instance(first.id.clone())).await.unwrap();
    assert_eq!(mapped(&test, &first), Some(address.public_ip));
    assert_eq!(test.cloud.idle_addresses().await.unwrap(), 0);
    test.cloud.disassociate_address(&AssociationName::Association(id)).await.unwrap();
    assert_eq!(mapped(&test, &first), None, "the dynamic one was released, and none comes back yet");
    test.cloud.stop_instances(std::slice::from_ref(&first.id), false).await.unwrap();
    test.wait_for(&first.id, InstanceState::Stopped).await;
    test.cloud.start_instances(std::slice::from_ref(&first.id)).await.unwrap();
    let again = test.wait_for(&first.id, InstanceState::Running).await;
    assert!(again.interfaces[0].public_ip.is_some() && again.interfaces[0].elastic.is_none());
}

#[tokio::test]
async fn what_the_network_refuses_is_as_it_was() {
    let test = TestCloud::new().await;
    let first = running(&test).await;
    let launched = test.cloud.run_instances(RunInstances::new(first.image_id.clone())).await.unwrap();
    let second = test.wait_for(&launched.reservation.instances[0].id, InstanceState::Running).await;
    let (web, other) = (allocate(&test).await, allocate(&test).await);
    lead(&test, &web, AddressTarget::Instance(first.id.clone())).await.unwrap();
    let dynamic = second.interfaces[0].public_ip;
    for _ in 0..2 {
        test.faults.fail_always("network.apply");
        let refused = lead(&test, &web, AddressTarget::Instance(second.id.clone())).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InternalError);
        let addresses = test.cloud.addresses().await.unwrap();
        assert_eq!(addresses[0].association.as_ref().unwrap().instance_id.as_ref(), Some(&first.id));
        assert_eq!(test.cloud.instance(&second.id).await.unwrap().interfaces[0].public_ip, dynamic);
        // One that displaces another puts it back.
        lead(&test, &other, AddressTarget::Instance(first.id.clone())).await.unwrap_err();
        let held = test.cloud.instance(&first.id).await.unwrap();
        assert_eq!(held.interfaces[0].public_ip, Some(web.public_ip));
        assert_eq!(test.cloud.idle_addresses().await.unwrap(), 1);
        test.faults.clear();
    }
    lead(&test, &web, AddressTarget::Instance(second.id.clone())).await.unwrap();
    assert_eq!(mapped(&test, &second), Some(web.public_ip));
    assert_eq!(mapped(&test, &first), None);
}

#[tokio::test]
async fn an_elastic_address_waits_at_an_interface_and_comes_with_it() {
    let test = TestCloud::new().await;
    let (instance, address) = (running(&test).await, allocate(&test).await);
    let request = CreateInterface {
        subnet_id: instance.subnet_id.clone(),
        description: None,
        group_ids: vec![],
        private_ip: None,
        tags: Default::default(),
        client_token: None,
    };
    let eni = test.cloud.create_network_interface(request).await.unwrap();
    lead(&test, &address, AddressTarget::Interface(eni.id.clone())).await.unwrap();
    let attach = cumulet_engine::api::interface::AttachInterface {
        interface_id: eni.id.clone(),
        instance_id: instance.id.clone(),
        device_index: 1,
    };
    test.cloud.attach_network_interface(attach).await.unwrap();
    eventually("it is wired with its address", || async {
        let interfaces = test.network.spec().vpcs.into_iter().flat_map(|vpc| vpc.interfaces);
        interfaces.into_iter().any(|i| i.id == eni.id && i.public_ip == Some(address.public_ip)).then_some(())
    })
    .await;
    let several = lead(&test, &address, AddressTarget::Instance(instance.id.clone())).await.unwrap_err();
    assert_eq!(several.code, ErrorCode::InvalidInstanceId);
    let leads_to = test.cloud.addresses().await.unwrap().remove(0).association.unwrap();
    assert_eq!((leads_to.interface_id, leads_to.instance_id), (eni.id, Some(instance.id)));
}

#[tokio::test]
async fn the_pool_and_the_limit_have_an_end() {
    let test = TestCloud::new().await;
    test.pool("198.18.0.0/29");
    for _ in 0..3 {
        allocate(&test).await;
    }
    let dry = test.cloud.allocate_address(None, Default::default()).await.unwrap_err();
    assert_eq!(dry.code, ErrorCode::InsufficientAddressCapacity);
    let none_left = test.cloud.run_instances(RunInstances::new(test.image().await.id));
    assert_eq!(none_left.await.unwrap_err().code, ErrorCode::AddressLimitExceeded);
    test.pool("198.18.0.0/24");
    for _ in 3..100 {
        allocate(&test).await;
    }
    let many = test.cloud.allocate_address(None, Default::default()).await.unwrap_err();
    assert_eq!(many.code, ErrorCode::AddressLimitExceeded);
}
