//! Forks by the engine, over fakes of the host: what they are made of, who they are, and what is left when one fails.

use std::collections::HashSet;

use cumulet_engine::api::instance::ForkInstance;
use cumulet_model::state::InstanceState;
use cumulet_model::{ErrorCode, InstanceId, Tags};
use cumulet_test_support::{TestCloud, eventually};

async fn source(test: &TestCloud) -> InstanceId {
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    test.vms.have_tame_agents();
    id
}

fn fork_of(source: &InstanceId, count: u32) -> ForkInstance {
    ForkInstance { source: source.clone(), count, tags: Tags::new(), client_token: None }
}

#[tokio::test]
async fn forks_have_their_source_under_them_and_an_identity_of_their_own() {
    let test = TestCloud::new().await;
    let source = source(&test).await;
    let mut request = fork_of(&source, 3);
    request.tags.insert("role".into(), "ci".into());
    let reservation = test.cloud.fork_instance(request).await.unwrap();
    let source_now = test.cloud.instance(&source).await.unwrap();
    let mut seen = HashSet::from([source_now.interfaces[0].private_ip]);
    for fork in &reservation.instances {
        let fork = test.wait_for(&fork.id, InstanceState::Running).await;
        assert_eq!(fork.forked_from.as_ref(), Some(&source));
        assert_eq!(fork.tags["role"], "ci");
        let interface = &fork.interfaces[0];
        assert!(seen.insert(interface.private_ip));
        assert!(interface.public_ip.is_some());
        let (volume, was) = (&fork.block_devices[0].volume_id, &source_now.block_devices[0].volume_id);
        let renamed = test.vms.with_spec(&fork.id, |spec| spec.base.clone().unwrap().renamed).unwrap();
        assert_eq!(renamed[was.as_str()], volume.as_str());
        assert_eq!(renamed[source_now.interfaces[0].id.as_str()], interface.id.as_str());
        let told = test.vms.identities();
        let mine = told.iter().find(|told| told.instance_id.as_deref() == Some(fork.id.as_str())).unwrap();
        assert_eq!(mine.interfaces[0].addresses[0].address, interface.private_ip);
        assert_eq!(mine.interfaces[0].mac.0, interface.mac.0);
        assert_eq!(mine.interfaces[0].previous_mac.unwrap().0, source_now.interfaces[0].mac.0);
    }
}

#[tokio::test]
async fn a_fork_begins_once_and_boots_from_its_own_disk_after_that() {
    let test = TestCloud::new().await;
    let source = source(&test).await;
    let fork = test.cloud.fork_instance(fork_of(&source, 1)).await.unwrap().instances.remove(0).id;
    test.wait_for(&fork, InstanceState::Running).await;
    test.cloud.stop_instances(std::slice::from_ref(&fork), false).await.unwrap();
    test.wait_for(&fork, InstanceState::Stopped).await;
    test.cloud.start_instances(std::slice::from_ref(&fork)).await.unwrap();
    test.wait_for(&fork, InstanceState::Running).await;
    assert!(test.vms.with_spec(&fork, |spec| spec.base.is_none()).unwrap());
}

#[tokio::test]
async fn forks_do_not_need_their_source_any_more_once_they_are_promised() {
    let test = TestCloud::new().await;
    let source = source(&test).await;
    let forks = test.cloud.fork_instance(fork_of(&source, 2)).await.unwrap().instances;
    test.cloud.terminate_instances(std::slice::from_ref(&source)).await.unwrap();
    for fork in forks {
        test.wait_for(&fork.id, InstanceState::Running).await;
    }
    test.wait_for(&source, InstanceState::Terminated).await;
}

#[tokio::test]
async fn what_does_not_run_or_has_no_agent_is_not_forked() {
    let test = TestCloud::new().await;
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    let refusal = async |request| test.cloud.fork_instance(request).await.unwrap_err().code;
    assert_eq!(refusal(fork_of(&id, 1)).await, ErrorCode::AgentUnavailable);
    test.vms.have_tame_agents();
    for count in [0, 1001] {
        assert_eq!(refusal(fork_of(&id, count)).await, ErrorCode::InvalidParameterValue);
    }
    assert_eq!(refusal(fork_of(&id, 1000)).await, ErrorCode::InsufficientInstanceCapacity);
    test.cloud.stop_instances(std::slice::from_ref(&id), false).await.unwrap();
    test.wait_for(&id, InstanceState::Stopped).await;
    assert_eq!(refusal(fork_of(&id, 1)).await, ErrorCode::IncorrectInstanceState);
    assert_eq!(test.cloud.instances().await.unwrap().len(), 1, "nothing half done stays");
}

#[tokio::test]
async fn every_step_of_a_fork_can_fail_and_leaves_the_source_alone() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let source = source(&test).await;
        test.faults.fail_after(nth);
        let ended = match test.cloud.fork_instance(fork_of(&source, 1)).await {
            Err(_) => None,
            Ok(mut reservation) => {
                let id = reservation.instances.remove(0).id;
                let ended = eventually("the fork has ended", || async {
                    let fork = test.cloud.instance(&id).await.unwrap();
                    matches!(fork.state, InstanceState::Running | InstanceState::Terminated).then_some(fork)
                });
                Some(ended.await)
            }
        };
        let failed = test.faults.clear();
        assert_eq!(test.cloud.instance(&source).await.unwrap().state, InstanceState::Running, "{failed:?}");
        let Some(failed) = failed else {
            assert_eq!(ended.unwrap().state, InstanceState::Running);
            assert!(nth >= 6, "a fork has at least six steps that can fail, this one had {nth}");
            return;
        };
        if let Some(ended) = ended {
            assert_eq!(ended.state, InstanceState::Terminated, "{failed} failed");
            assert!(ended.state_reason.unwrap().message.contains(failed), "{failed} failed");
        }
        assert_eq!(test.vms.directories(), [source], "{failed} failed");
        assert_eq!(test.storage.volumes().len(), 1, "{failed} failed");
        let interfaces = test.network.wired();
        assert_eq!(interfaces.len(), 1, "{failed} failed: {interfaces:?}");
    }
}
