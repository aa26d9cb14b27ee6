//! CPU credits: what an instance may do when it has none, and what becomes of them.

use std::time::Duration;

use cumulet_engine::api::instance::RunInstances;
use cumulet_model::credits::CreditMode;
use cumulet_model::state::InstanceState;
use cumulet_model::{ErrorCode, InstanceId};
use cumulet_test_support::{TestCloud, eventually};

async fn running(test: &TestCloud, kind: &str, mode: Option<CreditMode>) -> InstanceId {
    let image = test.image().await;
    let request =
        RunInstances { instance_type: Some(kind.into()), credit_mode: mode, ..RunInstances::new(image.id) };
    let id = test.cloud.run_instances(request).await.unwrap().reservation.instances.remove(0).id;
    test.wait_for(&id, InstanceState::Running).await;
    id
}

async fn held(test: &TestCloud, id: &InstanceId, yes: bool) {
    // Two vCPUs are 2000 thousandths; nothing is no limit.
    let is = || async { (test.vms.cpu_limit(id).is_some_and(|limit| limit < 2000) == yes).then_some(()) };
    eventually(if yes { "it is held" } else { "it is let go" }, is).await;
}

#[tokio::test]
async fn one_in_the_standard_mode_is_held_until_it_may_go_on_without_credits() {
    let mut test = TestCloud::new().await;
    let id = running(&test, "t3.micro", Some(CreditMode::Standard)).await;
    held(&test, &id, true).await;
    test.restart().await;
    assert_eq!(test.cloud.credits(&id).await.unwrap().unwrap().mode, CreditMode::Standard);
    test.cloud.modify_credit_mode(&id, CreditMode::Unlimited).await.unwrap();
    held(&test, &id, false).await;
    test.cloud.modify_credit_mode(&id, CreditMode::Standard).await.unwrap();
    held(&test, &id, true).await;
}

#[tokio::test]
async fn what_is_used_is_paid_and_a_t2_has_its_first_credits_again_after_a_stop() {
    let test = TestCloud::new().await;
    let id = running(&test, "t2.micro", None).await;
    let balance = || async { test.cloud.credits(&id).await.unwrap().unwrap().balance };
    assert_eq!(balance().await.credits(), 30.0);
    let mut used = Duration::ZERO;
    eventually("something was paid", || {
        used += Duration::from_secs(60);
        test.vms.has_used(used);
        async { (balance().await.credits() < 30.0).then_some(()) }
    })
    .await;
    test.cloud.stop_instances(std::slice::from_ref(&id), false).await.unwrap();
    test.wait_for(&id, InstanceState::Stopped).await;
    eventually("it has its first credits", || async { (balance().await.credits() == 30.0).then_some(()) })
        .await;
}

#[tokio::test]
async fn types_without_credits_can_have_no_mode() {
    let test = TestCloud::new().await;
    let id = running(&test, "m5.large", None).await;
    assert_eq!(test.cloud.credits(&id).await.unwrap(), None);
    let refused = test.cloud.modify_credit_mode(&id, CreditMode::Standard).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InstanceCreditSpecificationNotSupported);
    let image = test.cloud.instance(&id).await.unwrap().image_id;
    let request = RunInstances {
        instance_type: Some("m5.large".into()),
        credit_mode: Some(CreditMode::Unlimited),
        ..RunInstances::new(image)
    };
    let refused = test.cloud.run_instances(request).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InstanceCreditSpecificationNotSupported);
}

#[tokio::test]
async fn a_fork_is_held_as_its_source_is() {
    let test = TestCloud::new().await;
    let id = running(&test, "t3.micro", Some(CreditMode::Standard)).await;
    test.vms.have_tame_agents();
    let request = cumulet_engine::api::instance::ForkInstance {
        source: id,
        count: 1,
        tags: Default::default(),
        client_token: None,
    };
    let fork = test.cloud.fork_instance(request).await.unwrap().instances.remove(0).id;
    test.wait_for(&fork, InstanceState::Running).await;
    held(&test, &fork, true).await;
}
