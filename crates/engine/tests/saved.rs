//! Saved machines by the engine, over fakes of the host: they outlive their source, the daemon and their own removal's
//! forks; and nothing is left of one that could not be made.

use std::collections::HashSet;

use cumulet_engine::api::instance::{ForkInstance, ForkSaved, SaveMachine};
use cumulet_model::saved_machine::{SavedMachine, SavedMachineState};
use cumulet_model::state::InstanceState;
use cumulet_model::{ErrorCode, InstanceId, SavedMachineId, Tags};
use cumulet_test_support::{TestCloud, eventually};

async fn source(test: &TestCloud) -> InstanceId {
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    test.vms.have_tame_agents();
    id
}

fn save_of(source: &InstanceId) -> SaveMachine {
    SaveMachine { source: source.clone(), name: Some("ready".into()), client_token: None }
}

fn fork_of(saved: &SavedMachineId, count: u32) -> ForkSaved {
    ForkSaved { saved: saved.clone(), count, tags: Tags::new(), client_token: None }
}

async fn settled(test: &TestCloud, id: &SavedMachineId) -> SavedMachine {
    eventually("it is saved or not", || async {
        let saved = test.cloud.saved_machine(id).await.unwrap();
        (saved.state != SavedMachineState::Saving).then_some(saved)
    })
    .await
}

async fn saved(test: &TestCloud, source: &InstanceId) -> SavedMachineId {
    let id = test.cloud.save_machine(save_of(source)).await.unwrap().id;
    assert_eq!(settled(test, &id).await.state, SavedMachineState::Available);
    id
}

#[tokio::test]
async fn a_saved_machine_outlives_its_source_and_the_daemon() {
    let mut test = TestCloud::new().await;
    let source = source(&test).await;
    let before = test.cloud.instance(&source).await.unwrap();
    let id = saved(&test, &source).await;
    test.cloud.terminate_instances(std::slice::from_ref(&source)).await.unwrap();
    test.wait_for(&source, InstanceState::Terminated).await;
    test.restart().await;
    let known = test.cloud.saved_machine(&id).await.unwrap();
    assert_eq!(known.state, SavedMachineState::Available);
    assert_eq!((known.name.as_deref(), &known.instance_id), (Some("ready"), &source));

    let forks = test.cloud.fork_saved_machine(fork_of(&id, 3)).await.unwrap().instances;
    let mut seen = HashSet::new();
    for fork in forks {
        let fork = test.wait_for(&fork.id, InstanceState::Running).await;
        let interface = &fork.interfaces[0];
        assert!(seen.insert(interface.private_ip));
        assert_eq!(interface.subnet_id, before.interfaces[0].subnet_id);
        assert_eq!(interface.groups, before.interfaces[0].groups);
        assert_eq!(fork.instance_type, before.instance_type);
        let renamed = test.vms.with_spec(&fork.id, |spec| spec.base.clone().unwrap().renamed).unwrap();
        assert_eq!(
            renamed[before.block_devices[0].volume_id.as_str()],
            fork.block_devices[0].volume_id.as_str()
        );
        assert_eq!(renamed[before.interfaces[0].id.as_str()], interface.id.as_str());
    }
    assert!(test.storage.aside().is_empty(), "its layers are known");
}

#[tokio::test]
async fn a_saved_machine_can_go_while_forks_of_it_run() {
    let test = TestCloud::new().await;
    let source = source(&test).await;
    let id = saved(&test, &source).await;
    let running = test.cloud.fork_saved_machine(fork_of(&id, 1)).await.unwrap().instances.remove(0).id;
    test.wait_for(&running, InstanceState::Running).await;
    // One that has not begun either.
    let promised = test.cloud.fork_saved_machine(fork_of(&id, 1)).await.unwrap().instances.remove(0).id;
    test.cloud.delete_saved_machine(&id).await.unwrap();
    test.wait_for(&promised, InstanceState::Running).await;
    assert_eq!(test.cloud.instance(&running).await.unwrap().state, InstanceState::Running);
    assert!(test.storage.saved().is_empty() && test.storage.snapshots().is_empty());
    let refusal = test.cloud.fork_saved_machine(fork_of(&id, 1)).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::InvalidSavedMachineNotFound);
}

#[tokio::test]
async fn forks_that_a_daemons_death_cut_off_begin_from_the_files() {
    let mut test = TestCloud::new().await;
    let source = source(&test).await;
    let id = saved(&test, &source).await;
    test.faults.fail_always("vms.start");
    let fork = test.cloud.fork_saved_machine(fork_of(&id, 1)).await.unwrap().instances.remove(0).id;
    test.cloud.abandon();
    test.faults.clear();
    test.restart().await;
    let ended = eventually("it has ended", || async {
        let fork = test.cloud.instance(&fork).await.unwrap();
        matches!(fork.state, InstanceState::Running | InstanceState::Terminated).then_some(fork)
    });
    // The failure may have been quicker than the death.
    if ended.await.state == InstanceState::Running {
        assert!(test.vms.with_spec(&fork, |spec| spec.base.is_some()).unwrap());
    }
}

#[tokio::test]
async fn the_same_token_gives_the_same_answer() {
    let test = TestCloud::new().await;
    let source = source(&test).await;
    let token = Some("once".to_owned());
    let save = SaveMachine { client_token: token.clone(), ..save_of(&source) };
    let id = test.cloud.save_machine(save.clone()).await.unwrap().id;
    assert_eq!(test.cloud.save_machine(save.clone()).await.unwrap().id, id);
    let other = SaveMachine { name: None, ..save };
    let refusal = test.cloud.save_machine(other).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::IdempotentParameterMismatch);
    settled(&test, &id).await;

    let fork =
        ForkInstance { source: source.clone(), count: 1, tags: Tags::new(), client_token: token.clone() };
    let made = test.cloud.fork_instance(fork.clone()).await.unwrap().id;
    assert_eq!(test.cloud.fork_instance(fork.clone()).await.unwrap().id, made);
    let refusal = test.cloud.fork_instance(ForkInstance { count: 2, ..fork }).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::IdempotentParameterMismatch);
    let again = ForkSaved { client_token: Some("twice".into()), ..fork_of(&id, 1) };
    let made = test.cloud.fork_saved_machine(again.clone()).await.unwrap().id;
    assert_eq!(test.cloud.fork_saved_machine(again).await.unwrap().id, made);
    assert_eq!(test.cloud.instances().await.unwrap().len(), 3);
}

#[tokio::test]
async fn every_step_of_a_saving_can_fail_and_leaves_the_source_alone() {
    for nth in 0.. {
        let mut test = TestCloud::new().await;
        let source = source(&test).await;
        test.faults.fail_after(nth);
        let made = test.cloud.save_machine(save_of(&source)).await;
        let state = match &made {
            Ok(saved) => Some(settled(&test, &saved.id).await.state),
            Err(_) => None,
        };
        let failed = test.faults.clear();
        assert_eq!(test.cloud.instance(&source).await.unwrap().state, InstanceState::Running, "{failed:?}");
        if state != Some(SavedMachineState::Available) {
            let failed = failed.unwrap();
            assert!(test.storage.saved().is_empty() && test.storage.snapshots().is_empty(), "{failed}");
            if let Ok(saved) = made {
                let saved = test.cloud.saved_machine(&saved.id).await.unwrap();
                assert!(saved.reason.unwrap().contains(failed));
                test.cloud.delete_saved_machine(&saved.id).await.unwrap();
            }
            continue;
        }
        assert!(failed.is_none() && nth >= 5, "a saving has at least five steps, this one had {nth}");
        test.restart().await;
        assert!(test.storage.aside().is_empty());
        return;
    }
}

#[tokio::test]
async fn a_saving_that_the_daemons_death_cut_off_has_failed() {
    for nth in 0.. {
        let mut test = TestCloud::new().await;
        let source = source(&test).await;
        test.faults.die_after(nth, false);
        let cloud = test.cloud.clone();
        let request = save_of(&source);
        let asked = tokio::spawn(async move { cloud.save_machine(request).await });
        eventually("done or dead", || async {
            let all = test.cloud.saved_machines().await.unwrap();
            let done = all.iter().any(|saved| saved.state == SavedMachineState::Available);
            (done || test.faults.hit().is_some()).then_some(())
        })
        .await;
        asked.abort();
        let died = test.faults.clear();
        test.restart().await;
        test.wait_for(&source, InstanceState::Running).await;
        let all = test.cloud.saved_machines().await.unwrap();
        assert!(all.iter().all(|saved| saved.state != SavedMachineState::Saving), "{died:?}");
        let whole = all.iter().filter(|saved| saved.state == SavedMachineState::Available).count();
        assert_eq!(test.storage.saved().len(), whole, "{died:?}");
        assert_eq!(test.storage.snapshots().len(), whole, "{died:?}");
        assert!(test.storage.aside().is_empty(), "{died:?}");
        if died.is_none() {
            assert_eq!(whole, 1);
            return;
        }
    }
}
