//! Stories of network interfaces apart from launches, on the real engine and store, over fakes of the host.

use cumulet_engine::api::interface::{AttachInterface, CreateInterface, InterfaceChange};
use cumulet_model::network::NetworkInterface;
use cumulet_model::state::InstanceState;
use cumulet_model::{AttachmentId, ErrorCode, InstanceId, InterfaceId};
use cumulet_test_support::{TestCloud, eventually};

async fn running(test: &TestCloud) -> InstanceId {
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    id
}

async fn request(test: &TestCloud) -> CreateInterface {
    let subnets = test.cloud.subnets().await.unwrap();
    let subnet = subnets.into_iter().find(|subnet| subnet.zone == "us-east-1a").unwrap();
    CreateInterface {
        subnet_id: subnet.id,
        description: Some("second".into()),
        group_ids: Vec::new(),
        private_ip: None,
        tags: Default::default(),
        client_token: None,
    }
}

async fn interface(test: &TestCloud) -> NetworkInterface {
    let made = test.cloud.create_network_interface(request(test).await).await.unwrap();
    assert_eq!(made.status(), "available");
    made
}

async fn attach(
    test: &TestCloud,
    id: &InterfaceId,
    instance: &InstanceId,
    device_index: u32,
) -> AttachmentId {
    let request = AttachInterface { interface_id: id.clone(), instance_id: instance.clone(), device_index };
    test.cloud.attach_network_interface(request).await.unwrap().id
}

async fn wait_for(test: &TestCloud, id: &InterfaceId, status: &str) {
    eventually(&format!("{id} is {status}"), || async {
        let interface = test.cloud.network_interface(id).await.unwrap();
        (interface.status() == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_interface_goes_into_a_running_machine_and_out_of_it() {
    let test = TestCloud::new().await;
    let (instance, eni) = (running(&test).await, interface(&test).await);
    let attachment = attach(&test, &eni.id, &instance, 1).await;
    wait_for(&test, &eni.id, "in-use").await;
    assert!(test.vms.devices_of(&instance).contains(&eni.id.to_string()));
    assert!(test.network.wired().contains(&eni.id));
    let shown = test.cloud.instance(&instance).await.unwrap();
    assert_eq!(shown.interfaces[1].private_ip, eni.private_ip);
    let busy = test.cloud.delete_network_interface(&eni.id).await.unwrap_err();
    assert_eq!(busy.code, ErrorCode::InvalidParameterValue);
    let primary = shown.interfaces[0].attachment.as_ref().unwrap().id.clone();
    let held = test.cloud.detach_network_interface(&primary, true).await.unwrap_err();
    assert_eq!(held.code, ErrorCode::OperationNotPermitted);

    test.vms.hold_on(true);
    test.cloud.detach_network_interface(&attachment, false).await.unwrap();
    eventually("the guest was asked", || async {
        test.vms.was_asked(&instance, eni.id.as_str()).then_some(())
    })
    .await;
    assert!(test.network.wired().contains(&eni.id), "it works until the guest lets go of it");
    test.cloud.detach_network_interface(&attachment, true).await.unwrap();
    wait_for(&test, &eni.id, "available").await;
    eventually("it is unwired", || async { (!test.network.wired().contains(&eni.id)).then_some(()) }).await;
    test.cloud.delete_network_interface(&eni.id).await.unwrap();
    assert!(test.cloud.network_interface(&eni.id).await.is_err());
}

#[tokio::test]
async fn an_attachment_that_fails_at_any_step_comes_to_rest() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let (instance, eni) = (running(&test).await, interface(&test).await);
        test.faults.fail_after(nth);
        attach(&test, &eni.id, &instance, 1).await;
        let status = eventually("it has come to rest", || async {
            let interface = test.cloud.network_interface(&eni.id).await.unwrap();
            matches!(interface.status(), "available" | "in-use").then(|| interface.status())
        })
        .await;
        let has = test.vms.devices_of(&instance).contains(&eni.id.to_string());
        assert_eq!(status == "in-use", has);
        eventually("what is wired is what is attached", || async {
            (test.network.wired().contains(&eni.id) == has).then_some(())
        })
        .await;
        if test.faults.clear().is_none() {
            assert!(has && nth >= 4, "an attachment has at least four steps that can fail, not {nth}");
            return;
        }
    }
}

#[tokio::test]
async fn a_second_interface_stays_when_its_instance_goes_unless_told_otherwise() {
    let test = TestCloud::new().await;
    let (instance, stays) = (running(&test).await, interface(&test).await);
    attach(&test, &stays.id, &instance, 1).await;
    wait_for(&test, &stays.id, "in-use").await;
    let ids = std::slice::from_ref(&instance);
    test.cloud.terminate_instances(ids).await.unwrap();
    test.wait_for(&instance, InstanceState::Terminated).await;
    assert_eq!(test.cloud.network_interface(&stays.id).await.unwrap().status(), "available");

    let instance = {
        let image =
            test.cloud.images().await.unwrap().into_iter().find(|image| image.kernel_id.is_some()).unwrap();
        let request = cumulet_engine::api::instance::RunInstances::new(image.id);
        test.cloud.run_instances(request).await.unwrap().reservation.instances[0].id.clone()
    };
    test.wait_for(&instance, InstanceState::Running).await;
    let attachment = attach(&test, &stays.id, &instance, 1).await;
    let goes = InterfaceChange::DeleteOnTermination(attachment, true);
    test.cloud.modify_network_interface(&stays.id, goes).await.unwrap();
    test.cloud.terminate_instances(std::slice::from_ref(&instance)).await.unwrap();
    test.wait_for(&instance, InstanceState::Terminated).await;
    assert!(test.cloud.network_interface(&stays.id).await.is_err());
}

#[tokio::test]
async fn a_stopped_instance_takes_and_gives_at_once() {
    let test = TestCloud::new().await;
    let (instance, eni) = (running(&test).await, interface(&test).await);
    let ids = std::slice::from_ref(&instance);
    test.cloud.stop_instances(ids, true).await.unwrap();
    test.wait_for(&instance, InstanceState::Stopped).await;
    let attachment = attach(&test, &eni.id, &instance, 1).await;
    assert_eq!(test.cloud.network_interface(&eni.id).await.unwrap().status(), "in-use");
    test.cloud.start_instances(ids).await.unwrap();
    test.wait_for(&instance, InstanceState::Running).await;
    assert!(test.vms.devices_of(&instance).contains(&eni.id.to_string()));
    test.cloud.stop_instances(ids, true).await.unwrap();
    test.wait_for(&instance, InstanceState::Stopped).await;
    test.cloud.detach_network_interface(&attachment, false).await.unwrap();
    assert_eq!(test.cloud.network_interface(&eni.id).await.unwrap().status(), "available");
}

#[tokio::test]
async fn what_can_not_be_is_refused_by_ec2s_codes() {
    let test = TestCloud::new().await;
    let (instance, eni) = (running(&test).await, interface(&test).await);
    let refused = async |interface_id: &InterfaceId, device_index| {
        let request = AttachInterface {
            interface_id: interface_id.clone(),
            instance_id: instance.clone(),
            device_index,
        };
        test.cloud.attach_network_interface(request).await.unwrap_err().code
    };
    assert_eq!(refused(&eni.id, 0).await, ErrorCode::InvalidParameterValue);
    let none = "eni-0123456789abcdef0".parse().unwrap();
    assert_eq!(refused(&none, 1).await, ErrorCode::InvalidInterfaceNotFound);
    attach(&test, &eni.id, &instance, 1).await;
    assert_eq!(refused(&eni.id, 2).await, ErrorCode::InvalidInterfaceInUse);
    let third = interface(&test).await;
    assert_eq!(refused(&third.id, 1).await, ErrorCode::InvalidParameterValue);
    assert_eq!(refused(&third.id, 2).await, ErrorCode::AttachmentLimitExceeded, "a t3.micro has two");
    let taken = CreateInterface { private_ip: Some(third.private_ip), ..request(&test).await };
    let taken = test.cloud.create_network_interface(taken).await.unwrap_err();
    assert_eq!(taken.code, ErrorCode::InvalidIpAddressInUse);
    let router = CreateInterface { private_ip: Some([172, 31, 0, 1].into()), ..request(&test).await };
    let router = test.cloud.create_network_interface(router).await.unwrap_err();
    assert_eq!(router.code, ErrorCode::InvalidParameterValue);
    let nothing = "eni-attach-0123456789abcdef0".parse().unwrap();
    let nothing = test.cloud.detach_network_interface(&nothing, false);
    assert_eq!(nothing.await.unwrap_err().code, ErrorCode::InvalidAttachmentIdNotFound);
}
