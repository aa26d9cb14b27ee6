//! Stories of instances' lives on the real engine and store, over fakes of the host.

use cumulet_engine::api::instance::RunInstances;
use cumulet_model::state::{InstanceState, ShutdownBehavior};
use cumulet_model::{ErrorCode, VolumeId};
use cumulet_ports::storage::Stored;
use cumulet_ports::vm_host::VmEnd;
use cumulet_test_support::{TestCloud, eventually};
use cumulet_vmm_protocol::ExitReason;

fn poweroff() -> VmEnd {
    VmEnd::Recorded(ExitReason::GuestPoweroff { after_power_button: false })
}

/// What a test finds left on the host once nothing should run any more.
fn left_behind(test: &TestCloud) -> Vec<String> {
    let mut left = Vec::new();
    left.extend(test.vms.directories().iter().map(|id| format!("run directory {id}")));
    left.extend(test.network.wired().iter().map(|id| format!("interface {id}")));
    left.extend(test.storage.volumes().iter().map(|id| format!("volume {id}")));
    left
}

#[tokio::test]
async fn a_launch_runs_and_a_termination_leaves_nothing() {
    let test = TestCloud::new().await;
    let launched = test.launch().await;
    assert_eq!(launched.state, InstanceState::Pending);
    let instance = test.wait_for(&launched.id, InstanceState::Running).await;
    let interface = instance.primary_interface().unwrap();
    assert!(interface.public_ip.is_some());
    assert_eq!(test.network.wired(), std::slice::from_ref(&interface.id));
    let uuid = test.vms.with_spec(&instance.id, |spec| spec.smbios.product_uuid.clone()).unwrap();
    assert!(uuid.starts_with("ec2"), "{uuid}");

    let changes = test.cloud.terminate_instances(std::slice::from_ref(&instance.id)).await.unwrap();
    assert_eq!(
        (changes[0].previous, changes[0].current),
        (InstanceState::Running, InstanceState::ShuttingDown)
    );
    let gone = test.wait_for(&instance.id, InstanceState::Terminated).await;
    assert!(gone.interfaces.is_empty() && gone.terminated.is_some());
    assert_eq!(left_behind(&test), Vec::<String>::new());
    assert!(test.cloud.network_interfaces().await.unwrap().is_empty());
    assert!(test.cloud.volumes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stop_frees_the_public_address_and_keeps_the_private_one() {
    let test = TestCloud::new().await;
    let id = test.launch().await.id;
    let ids = std::slice::from_ref(&id);
    let before = test.wait_for(&id, InstanceState::Running).await;
    test.cloud.stop_instances(ids, false).await.unwrap();
    let stopped = test.wait_for(&id, InstanceState::Stopped).await;
    assert_eq!(stopped.interfaces[0].public_ip, None);
    assert_eq!(stopped.interfaces[0].private_ip, before.interfaces[0].private_ip);
    assert_eq!(stopped.state_reason.unwrap().code, "Client.UserInitiatedShutdown");
    assert_eq!(stopped.block_devices, before.block_devices);
    eventually("the interface is unwired", || async { test.network.wired().is_empty().then_some(()) }).await;

    test.cloud.start_instances(ids).await.unwrap();
    let again = test.wait_for(&id, InstanceState::Running).await;
    assert!(again.interfaces[0].public_ip.is_some());
    assert_eq!(again.interfaces[0].private_ip, before.interfaces[0].private_ip);
    assert_eq!(again.interfaces[0].mac, before.interfaces[0].mac);
    assert_eq!(again.state_reason, None);
}

#[tokio::test]
async fn every_step_of_a_launch_can_fail_and_leaves_nothing() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let image = test.image().await;
        test.faults.fail_after(nth);
        let launched = test.cloud.run_instances(RunInstances::new(image.id)).await.unwrap();
        let id = launched.reservation.instances[0].id.clone();
        let ended = eventually("the launch has ended", || async {
            let instance = test.cloud.instance(&id).await.unwrap();
            matches!(instance.state, InstanceState::Running | InstanceState::Terminated).then_some(instance)
        })
        .await;
        let Some(failed) = test.faults.clear() else {
            assert_eq!(ended.state, InstanceState::Running);
            assert!(nth >= 4, "a launch has at least four steps that can fail, this one had {nth}");
            return;
        };
        assert_eq!(ended.state, InstanceState::Terminated, "{failed} failed");
        let reason = ended.state_reason.expect("a reason");
        assert_eq!(reason.code, "Server.InternalError");
        assert!(reason.message.contains(failed), "{reason:?}");
        assert_eq!(left_behind(&test), Vec::<String>::new(), "{failed} failed");
    }
}

#[tokio::test]
async fn every_step_of_a_start_can_fail_and_leaves_the_instance_stopped_and_whole() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let id = test.launch().await.id;
        let ids = std::slice::from_ref(&id);
        let before = test.wait_for(&id, InstanceState::Running).await;
        test.cloud.stop_instances(ids, false).await.unwrap();
        test.wait_for(&id, InstanceState::Stopped).await;
        eventually("it is unwired", || async { test.network.wired().is_empty().then_some(()) }).await;
        test.faults.fail_after(nth);
        test.cloud.start_instances(ids).await.unwrap();
        let ended = eventually("the start has ended", || async {
            let instance = test.cloud.instance(&id).await.unwrap();
            matches!(instance.state, InstanceState::Running | InstanceState::Stopped).then_some(instance)
        })
        .await;
        let Some(failed) = test.faults.clear() else {
            assert_eq!(ended.state, InstanceState::Running);
            return;
        };
        assert_eq!(ended.state, InstanceState::Stopped, "{failed} failed");
        assert!(ended.state_reason.expect("a reason").message.contains(failed));
        assert_eq!(ended.block_devices, before.block_devices);
        eventually("it is unwired", || async { test.network.wired().is_empty().then_some(()) }).await;
        test.cloud.start_instances(ids).await.unwrap();
        test.wait_for(&id, InstanceState::Running).await;
    }
}

#[tokio::test]
async fn every_step_of_a_termination_can_fail_and_is_tried_again() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let id = test.launch().await.id;
        test.wait_for(&id, InstanceState::Running).await;
        test.faults.fail_after(nth);
        test.cloud.terminate_instances(std::slice::from_ref(&id)).await.unwrap();
        test.wait_for(&id, InstanceState::Terminated).await;
        assert_eq!(left_behind(&test), Vec::<String>::new());
        if test.faults.clear().is_none() {
            return;
        }
    }
}

#[tokio::test]
async fn a_guest_that_powers_off_is_stopped_or_terminated_as_asked() {
    let test = TestCloud::new().await;
    let image = test.image().await;
    for (behavior, state) in [
        (ShutdownBehavior::Stop, InstanceState::Stopped),
        (ShutdownBehavior::Terminate, InstanceState::Terminated),
    ] {
        let request = RunInstances { shutdown_behavior: behavior, ..RunInstances::new(image.id.clone()) };
        let id = test.cloud.run_instances(request).await.unwrap().reservation.instances[0].id.clone();
        test.wait_for(&id, InstanceState::Running).await;
        test.vms.end(&id, poweroff());
        let ended = test.wait_for(&id, state).await;
        assert_eq!(ended.state_reason.unwrap().code, "Client.InstanceInitiatedShutdown");
    }
}

#[tokio::test]
async fn a_reset_and_a_reboot_keep_the_instance_running() {
    let test = TestCloud::new().await;
    let id = test.launch().await.id;
    let before = test.wait_for(&id, InstanceState::Running).await;
    test.vms.end(&id, VmEnd::Recorded(ExitReason::GuestReset));
    eventually("the second machine runs", || async { (test.vms.starts() == 2).then_some(()) }).await;
    test.wait_for(&id, InstanceState::Running).await;
    test.cloud.reboot_instances(std::slice::from_ref(&id)).await.unwrap();
    eventually("the third machine runs", || async { (test.vms.starts() == 3).then_some(()) }).await;
    let after = test.wait_for(&id, InstanceState::Running).await;
    assert_eq!(after.interfaces, before.interfaces);
    assert_eq!(after.launch_time, before.launch_time);
}

#[tokio::test]
async fn a_deaf_guest_is_killed_after_its_grace() {
    let test = TestCloud::new().await;
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    test.vms.be_deaf();
    test.cloud.terminate_instances(std::slice::from_ref(&id)).await.unwrap();
    test.wait_for(&id, InstanceState::Terminated).await;
}

#[tokio::test]
async fn the_daemon_dies_and_finds_what_ran_and_what_died_meanwhile() {
    let mut test = TestCloud::new().await;
    let image = test.image().await;
    let request = RunInstances { min_count: 3, max_count: 3, ..RunInstances::new(image.id.clone()) };
    let launched = test.cloud.run_instances(request).await.unwrap().reservation.instances;
    for instance in &launched {
        test.wait_for(&instance.id, InstanceState::Running).await;
    }
    test.cloud.abandon();
    test.vms.end(&launched[1].id, VmEnd::Silent);
    test.vms.end(&launched[2].id, poweroff());
    test.restart().await;
    test.wait_for(&launched[0].id, InstanceState::Running).await;
    let crashed = test.wait_for(&launched[1].id, InstanceState::Stopped).await;
    assert_eq!(crashed.state_reason.unwrap().code, "Server.UnexpectedShutdown");
    let off = test.wait_for(&launched[2].id, InstanceState::Stopped).await;
    assert_eq!(off.state_reason.unwrap().code, "Client.InstanceInitiatedShutdown");
    assert_eq!(test.vms.starts(), 3, "what ran was taken up, not started anew");
}

#[tokio::test]
async fn the_same_client_token_gives_the_same_launch_and_other_parameters_an_error() {
    let test = TestCloud::new().await;
    let image = test.image().await;
    let request = RunInstances { client_token: Some("once".into()), ..RunInstances::new(image.id.clone()) };
    let first = test.cloud.run_instances(request.clone()).await.unwrap().reservation;
    let second = test.cloud.run_instances(request.clone()).await.unwrap().reservation;
    assert_eq!(first.id, second.id);
    assert_eq!(test.cloud.instances().await.unwrap().len(), 1);
    let other = RunInstances { instance_type: Some("t3.nano".into()), ..request };
    assert_eq!(
        test.cloud.run_instances(other).await.unwrap_err().code,
        ErrorCode::IdempotentParameterMismatch
    );
}

#[tokio::test]
async fn a_launch_that_the_host_cannot_carry_is_refused_whole() {
    let test = TestCloud::new().await;
    let image = test.image().await;
    let big = RunInstances {
        instance_type: Some("r5.4xlarge".into()),
        min_count: 3,
        max_count: 3,
        ..RunInstances::new(image.id.clone())
    };
    assert_eq!(
        test.cloud.run_instances(big.clone()).await.unwrap_err().code,
        ErrorCode::InsufficientInstanceCapacity
    );
    assert!(test.cloud.instances().await.unwrap().is_empty());
    let fewer = RunInstances { min_count: 1, ..big };
    assert_eq!(test.cloud.run_instances(fewer).await.unwrap().reservation.instances.len(), 2);
}

#[tokio::test]
async fn a_launch_gets_as_many_as_there_are_addresses_but_not_fewer_than_its_least() {
    let test = TestCloud::new().await;
    let image = test.image().await;
    let small = |min_count, max_count| RunInstances {
        instance_type: Some("t2.nano".into()),
        min_count,
        max_count,
        ..RunInstances::new(image.id.clone())
    };
    test.pool("198.18.0.0/29");
    let refused = test.cloud.run_instances(small(4, 6)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::AddressLimitExceeded);
    let launched = test.cloud.run_instances(small(1, 6)).await.unwrap().reservation.instances;
    assert_eq!(launched.len(), 3, "a pool of eight has three addresses to give");
    assert!(launched.iter().all(|instance| instance.interfaces[0].public_ip.is_some()));
    let private = RunInstances { associate_public_ip: Some(false), ..small(2, 2) };
    assert_eq!(test.cloud.run_instances(private).await.unwrap().reservation.instances.len(), 2);
}

#[tokio::test]
async fn a_start_without_an_address_to_give_changes_nothing() {
    let test = TestCloud::new().await;
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    test.cloud.stop_instances(std::slice::from_ref(&id), false).await.unwrap();
    test.wait_for(&id, InstanceState::Stopped).await;
    test.pool("198.18.0.0/30");
    let refused = test.cloud.start_instances(std::slice::from_ref(&id)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::AddressLimitExceeded);
    let stopped = test.cloud.instance(&id).await.unwrap();
    assert_eq!((stopped.state, stopped.interfaces[0].public_ip), (InstanceState::Stopped, None));
}

#[tokio::test]
async fn files_without_rows_are_set_aside_and_rows_without_files_say_so() {
    let mut test = TestCloud::new().await;
    let instance = test.launch().await;
    test.wait_for(&instance.id, InstanceState::Running).await;
    let stranger: VolumeId = "vol-0123456789abcdef0".parse().unwrap();
    test.storage.leave_volume(&stranger);
    test.storage.lose_volume(&instance.block_devices[0].volume_id);
    test.restart().await;
    assert_eq!(test.storage.aside(), [Stored::Volume(stranger)]);
    let volume = test.cloud.volumes().await.unwrap().remove(0);
    assert!(volume.reason.is_some_and(|reason| reason.contains("gone")));
    test.restart().await;
    assert_eq!(test.storage.aside().len(), 1, "what was set aside is not looked at again");
}

#[tokio::test]
async fn teardown_stops_what_runs_and_leaves_nothing_on_the_host() {
    let mut test = TestCloud::new().await;
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    test.cloud.teardown().await.unwrap();
    assert!(test.vms.running().is_empty());
    assert!(test.network.spec().vpcs.is_empty());
    test.restart().await;
    test.cloud.start_instances(std::slice::from_ref(&id)).await.unwrap();
    test.wait_for(&id, InstanceState::Running).await;
}

/// The APIs run each call on any thread of a runtime.
#[tokio::test]
async fn every_call_can_move_between_threads() {
    fn can_move<T: Send>(_: &T) {}
    let test = TestCloud::new().await;
    let image = test.image().await;
    can_move(&test.cloud.run_instances(RunInstances::new(image.id)));
    can_move(&test.cloud.start_instances(&[]));
    can_move(&test.cloud.terminate_instances(&[]));
    can_move(&test.cloud.teardown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_termination_that_was_answered_is_never_taken_back() {
    let test = TestCloud::new().await;
    let image = test.image().await;
    for _ in 0..10 {
        let request = RunInstances::new(image.id.clone());
        let id = test.cloud.run_instances(request).await.unwrap().reservation.instances[0].id.clone();
        let ids = std::slice::from_ref(&id);
        test.wait_for(&id, InstanceState::Running).await;
        test.cloud.stop_instances(ids, true).await.unwrap();
        test.wait_for(&id, InstanceState::Stopped).await;
        // A start may win the race and be terminated, or lose it and be refused.
        let (started, terminated) =
            tokio::join!(test.cloud.start_instances(ids), test.cloud.terminate_instances(ids));
        if let Err(refused) = started {
            assert_eq!(refused.code, ErrorCode::IncorrectInstanceState);
        }
        terminated.unwrap();
        test.wait_for(&id, InstanceState::Terminated).await;
        assert_eq!(left_behind(&test), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_off_by_the_guest_does_not_take_a_termination_back() {
    let test = TestCloud::new().await;
    let image = test.image().await;
    for _ in 0..10 {
        let request = RunInstances::new(image.id.clone());
        let id = test.cloud.run_instances(request).await.unwrap().reservation.instances[0].id.clone();
        test.wait_for(&id, InstanceState::Running).await;
        let guest = async { test.vms.end(&id, poweroff()) };
        let (terminated, ()) = tokio::join!(test.cloud.terminate_instances(std::slice::from_ref(&id)), guest);
        terminated.unwrap();
        test.wait_for(&id, InstanceState::Terminated).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_teardown_in_the_middle_of_launches_leaves_no_machine() {
    let test = TestCloud::new().await;
    let image = test.image().await;
    let request = RunInstances { min_count: 8, max_count: 8, ..RunInstances::new(image.id) };
    test.cloud.run_instances(request).await.unwrap();
    test.cloud.teardown().await.unwrap();
    assert!(test.vms.running().is_empty());
    assert!(test.network.wired().is_empty());
}
