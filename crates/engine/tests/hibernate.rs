//! Hibernation by the engine, over fakes of the host: whatever fails, and wherever the daemon dies, an instance runs on,
//! or is stopped with all of its memory, or was shut down and says why. The fakes notice a machine that runs with memory
//! of another moment than its disks'.

use cumulet_engine::api::instance::{AttributeChange, RunInstances};
use cumulet_engine::api::volume::{AttachVolume, DetachVolume, ModifyVolume};
use cumulet_model::instance::Instance;
use cumulet_model::state::InstanceState;
use cumulet_model::{ErrorCode, InstanceId};
use cumulet_test_support::{TestCloud, eventually};

const HIBERNATED: &str = "Client.UserInitiatedHibernate";

async fn launch(test: &TestCloud) -> InstanceId {
    test.vms.have_tame_agents();
    let mut request = RunInstances::new(test.image().await.id);
    request.hibernation = true;
    let id = test.cloud.run_instances(request).await.unwrap().reservation.instances.remove(0).id;
    let instance = test.wait_for(&id, InstanceState::Running).await;
    assert!(instance.hibernation && !instance.hibernated);
    id
}

async fn hibernate(test: &TestCloud, id: &InstanceId) -> Instance {
    test.cloud.hibernate_instances(std::slice::from_ref(id)).await.unwrap();
    test.wait_for(id, InstanceState::Stopped).await
}

async fn start(test: &TestCloud, id: &InstanceId) -> Instance {
    test.cloud.start_instances(std::slice::from_ref(id)).await.unwrap();
    test.wait_for(id, InstanceState::Running).await
}

#[tokio::test]
async fn a_hibernated_instance_goes_on_from_its_memory_once() {
    let test = TestCloud::new().await;
    let id = launch(&test).await;
    let before = test.cloud.instance(&id).await.unwrap();
    let stopped = hibernate(&test, &id).await;
    let reason = stopped.state_reason.unwrap();
    assert_eq!(reason.code, HIBERNATED);
    assert_eq!(reason.message, "Client.UserInitiatedHibernate: User initiated hibernate");
    assert!(stopped.state_transition_reason.starts_with("User initiated ("));
    assert!(stopped.hibernated);
    assert!(stopped.interfaces[0].public_ip.is_none());
    assert!(test.vms.running().is_empty());
    assert_eq!(test.storage.saved().len(), 1);

    let now = start(&test, &id).await;
    assert!(!now.hibernated);
    assert_eq!(now.interfaces[0].private_ip, before.interfaces[0].private_ip);
    assert_eq!(now.interfaces[0].mac, before.interfaces[0].mac);
    assert!(test.vms.with_spec(&id, |spec| spec.base.as_ref().unwrap().paused).unwrap());
    assert!(test.vms.paused().is_empty());
    let told = test.vms.identities();
    assert!(told[0].clock.is_some() && told[0].hostname.is_none(), "it is told the time and nothing else");
    eventually("the memory's files are gone", || async { test.storage.saved().is_empty().then_some(()) })
        .await;

    // A stop as any other is one.
    test.cloud.stop_instances(std::slice::from_ref(&id), false).await.unwrap();
    test.wait_for(&id, InstanceState::Stopped).await;
    start(&test, &id).await;
    assert!(test.vms.with_spec(&id, |spec| spec.base.is_none()).unwrap());
    assert!(test.vms.torn().is_empty());
}

#[tokio::test]
async fn only_what_was_launched_for_it_is_hibernated() {
    let test = TestCloud::new().await;
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    let refusal = test.cloud.hibernate_instances(std::slice::from_ref(&id)).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::UnsupportedHibernation);
    assert_eq!(test.cloud.instance(&id).await.unwrap().state, InstanceState::Running);
}

#[tokio::test]
async fn what_would_break_the_saved_memory_is_refused_while_there_is_one() {
    let test = TestCloud::new().await;
    let id = launch(&test).await;
    let root = hibernate(&test, &id).await.block_devices[0].volume_id.clone();
    let changes =
        [AttributeChange::InstanceType("t3.large".into()), AttributeChange::UserData(b"#!".to_vec())];
    for change in changes {
        let refusal = test.cloud.modify_instance_attribute(&id, change).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::IncorrectState);
        assert!(refusal.message.contains("hibernated"), "{}", refusal.message);
    }
    let detach = DetachVolume { volume_id: root.clone(), instance_id: None, device: None, force: true };
    assert_eq!(test.cloud.detach_volume(detach).await.unwrap_err().code, ErrorCode::IncorrectState);
    let attach = AttachVolume { volume_id: root.clone(), instance_id: id.clone(), device: "/dev/sdf".into() };
    assert_eq!(test.cloud.attach_volume(attach).await.unwrap_err().code, ErrorCode::IncorrectState);
    // Growth waits for the machine that knows the disk.
    let size = cumulet_model::Gib(50);
    let grow =
        ModifyVolume { volume_id: root.clone(), size: Some(size), kind: None, iops: None, throughput: None };
    test.cloud.modify_volume(grow).await.unwrap();
    start(&test, &id).await;
    eventually("it has grown", || async { test.vms.resizes().contains(&(root.clone(), size)).then_some(()) })
        .await;
    assert!(test.vms.torn().is_empty());
}

#[tokio::test]
async fn memory_that_is_lost_is_told_of_and_the_instance_can_be_started_without_it() {
    let test = TestCloud::new().await;
    let id = launch(&test).await;
    hibernate(&test, &id).await;
    let saved = test.storage.saved().remove(0);
    test.storage.lose_saved(&saved);
    test.cloud.start_instances(std::slice::from_ref(&id)).await.unwrap();
    let stopped = test.wait_for(&id, InstanceState::Stopped).await;
    let message = stopped.state_reason.unwrap().message;
    assert!(message.contains("saved memory") && message.contains("no files"), "{message}");
    assert!(stopped.hibernated, "nobody threw it away");
    test.cloud.start_instances_without_memory(std::slice::from_ref(&id)).await.unwrap();
    let running = test.wait_for(&id, InstanceState::Running).await;
    assert!(!running.hibernated);
    assert!(test.vms.with_spec(&id, |spec| spec.base.is_none()).unwrap());
}

#[tokio::test]
async fn memory_that_is_not_wanted_any_more_is_removed() {
    let test = TestCloud::new().await;
    let (cold, gone) = (launch(&test).await, {
        let mut request = RunInstances::new(test.cloud.images().await.unwrap().pop().unwrap().id);
        request.hibernation = true;
        let id = test.cloud.run_instances(request).await.unwrap().reservation.instances.remove(0).id;
        test.wait_for(&id, InstanceState::Running).await;
        id
    });
    hibernate(&test, &cold).await;
    hibernate(&test, &gone).await;
    assert_eq!(test.storage.saved().len(), 2);
    test.cloud.start_instances_without_memory(std::slice::from_ref(&cold)).await.unwrap();
    test.wait_for(&cold, InstanceState::Running).await;
    test.cloud.terminate_instances(std::slice::from_ref(&gone)).await.unwrap();
    test.wait_for(&gone, InstanceState::Terminated).await;
    assert!(test.storage.saved().is_empty());
}

#[tokio::test]
async fn a_machine_that_dies_after_it_was_saved_takes_its_memory_with_it() {
    use cumulet_ports::vm_host::VmEnd;
    let mut test = TestCloud::new().await;
    let id = launch(&test).await;
    // The row says saved, and the daemon dies before the machine is ended.
    test.faults.fail_always("vms.kill");
    test.cloud.hibernate_instances(std::slice::from_ref(&id)).await.unwrap();
    eventually("it is saved", || async { test.cloud.instance(&id).await.unwrap().hibernated.then_some(()) })
        .await;
    test.cloud.abandon();
    test.vms.end(&id, VmEnd::Silent);
    test.faults.clear();
    test.restart().await;
    let stopped = test.wait_for(&id, InstanceState::Stopped).await;
    assert!(!stopped.hibernated);
    assert_eq!(stopped.state_reason.unwrap().code, "Server.UnexpectedShutdown");
    start(&test, &id).await;
    assert!(test.vms.with_spec(&id, |spec| spec.base.is_none()).unwrap());
    assert!(test.vms.torn().is_empty());
}

/// Every call of a port that a hibernation makes fails once; the instance is stopped in any case.
#[tokio::test]
async fn every_step_of_a_hibernation_can_fail() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let id = launch(&test).await;
        test.faults.fail_after(nth);
        let stopped = hibernate(&test, &id).await;
        let failed = test.faults.clear();
        let reason = stopped.state_reason.clone().unwrap();
        if stopped.hibernated {
            assert_eq!(reason.code, HIBERNATED, "{failed:?}");
        } else {
            let failed = failed.unwrap();
            assert_eq!(reason.code, "Client.UserInitiatedShutdown", "{failed}");
            assert!(reason.message.contains("could not be hibernated"), "{failed}: {}", reason.message);
            assert!(test.storage.saved().is_empty(), "{failed}");
        }
        start(&test, &id).await;
        let restored = test.vms.with_spec(&id, |spec| spec.base.is_some()).unwrap();
        assert_eq!(restored, stopped.hibernated, "{failed:?}");
        assert!(test.vms.torn().is_empty(), "{failed:?}");
        if failed.is_none() {
            assert!(nth >= 4, "a hibernation has at least four steps that can fail, this one had {nth}");
            return;
        }
    }
}

/// Every call of a port that a resume makes fails once: it runs in the end, or is stopped and nothing is lost.
#[tokio::test]
async fn every_step_of_a_resume_can_fail() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let id = launch(&test).await;
        hibernate(&test, &id).await;
        test.faults.fail_after(nth);
        test.cloud.start_instances(std::slice::from_ref(&id)).await.unwrap();
        let ended = eventually("the start has ended", || async {
            let now = test.cloud.instance(&id).await.unwrap();
            matches!(now.state, InstanceState::Running | InstanceState::Stopped).then_some(now)
        });
        let ended = ended.await;
        let failed = test.faults.clear();
        if ended.state == InstanceState::Stopped {
            let message = ended.state_reason.clone().unwrap().message;
            assert!(message.contains(failed.unwrap()), "{failed:?}: {message}");
            // Nobody can say what a machine did that did not answer when it was told to go on.
            assert_eq!(ended.hibernated, failed != Some("vms.resume"), "{failed:?}");
            let now = start(&test, &id).await;
            let restored = test.vms.with_spec(&id, |spec| spec.base.is_some()).unwrap();
            assert_eq!(restored, ended.hibernated, "{failed:?}");
            assert!(!now.hibernated);
        }
        assert!(test.vms.torn().is_empty(), "{failed:?}");
        if failed.is_none() {
            assert_eq!(ended.state, InstanceState::Running);
            assert!(nth >= 5, "a resume has at least five steps that can fail, this one had {nth}");
            return;
        }
    }
}

/// Waits until the instance is in a state or the daemon has died, which is started again then.
async fn dies_before(test: &mut TestCloud, id: &InstanceId, state: InstanceState) -> Option<&'static str> {
    eventually("there or dead", || async {
        let there = test.cloud.instance(id).await.unwrap().state == state;
        (there || test.faults.hit().is_some()).then_some(())
    })
    .await;
    let died = test.faults.clear();
    if died.is_some() {
        test.restart().await;
    }
    died
}

/// The daemon dies in each call of a port, which is done to its end or not at all, and is started again.
#[tokio::test]
async fn the_daemon_can_die_anywhere() {
    for done in [false, true] {
        for nth in 0.. {
            let mut test = TestCloud::new().await;
            let id = launch(&test).await;
            test.faults.die_after(nth, done);
            test.cloud.hibernate_instances(std::slice::from_ref(&id)).await.unwrap();
            let in_stop = dies_before(&mut test, &id, InstanceState::Stopped).await;
            let stopped = test.wait_for(&id, InstanceState::Stopped).await;
            assert_eq!(stopped.state_reason.unwrap().code, HIBERNATED, "{in_stop:?} {done}");
            assert!(stopped.hibernated, "{in_stop:?} {done}");

            test.faults.die_after(nth, done);
            test.cloud.start_instances(std::slice::from_ref(&id)).await.unwrap();
            let in_start = dies_before(&mut test, &id, InstanceState::Running).await;
            test.wait_for(&id, InstanceState::Running).await;
            eventually("it goes on", || async { test.vms.paused().is_empty().then_some(()) }).await;
            assert!(test.vms.with_spec(&id, |spec| spec.base.is_some()).unwrap(), "{in_start:?} {done}");
            assert!(test.vms.torn().is_empty(), "{in_stop:?} {in_start:?} {done}");
            if in_stop.is_none() && in_start.is_none() {
                assert!(nth >= 5);
                break;
            }
        }
    }
}
