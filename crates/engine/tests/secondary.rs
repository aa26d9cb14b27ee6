//! Stories of secondary private addresses, on the real engine and store, over fakes of the host.

use std::net::Ipv4Addr;

use cumulet_engine::api::interface::{AssignPrivateAddresses, WantedAddresses};
use cumulet_model::state::InstanceState;
use cumulet_model::{CloudError, ErrorCode, InterfaceId};
use cumulet_test_support::TestCloud;

async fn running(test: &TestCloud) -> InterfaceId {
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await.interfaces[0].id.clone()
}

async fn assign(
    test: &TestCloud,
    id: &InterfaceId,
    wanted: WantedAddresses,
    reassign: bool,
) -> Result<Vec<Ipv4Addr>, CloudError> {
    let request = AssignPrivateAddresses { interface_id: id.clone(), wanted, reassign };
    test.cloud.assign_private_addresses(request).await
}

/// The secondary addresses that the network knows of an interface.
fn wired(test: &TestCloud, id: &InterfaceId) -> Vec<Ipv4Addr> {
    let interfaces = test.network.spec().vpcs.into_iter().flat_map(|vpc| vpc.interfaces);
    let secondary = interfaces.filter(|interface| interface.id == *id).flat_map(|held| held.secondary);
    secondary.map(|address| address.private_ip).collect()
}

#[tokio::test]
async fn the_network_has_secondary_addresses_before_the_answer_and_none_that_it_refuses() {
    let test = TestCloud::new().await;
    let eni = running(&test).await;
    test.faults.fail_always("network.apply");
    let refused = assign(&test, &eni, WantedAddresses::Count(1), false).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InternalError);
    assert!(test.cloud.network_interface(&eni).await.unwrap().secondary.is_empty());
    test.faults.clear();

    let given = assign(&test, &eni, WantedAddresses::Count(1), false).await.unwrap();
    assert_eq!(wired(&test, &eni), given);
    let many = assign(&test, &eni, WantedAddresses::Count(1), false).await.unwrap_err();
    assert_eq!(many.code, ErrorCode::PrivateIpAddressLimitExceeded, "a t3.micro has two on each interface");
    test.cloud.unassign_private_addresses(&eni, &given).await.unwrap();
    assert!(wired(&test, &eni).is_empty());
    let gone = test.cloud.unassign_private_addresses(&eni, &given).await.unwrap_err();
    assert_eq!(gone.code, ErrorCode::InvalidParameterValue);
}
