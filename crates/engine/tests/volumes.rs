//! Stories of volumes apart from launches, on the real engine and store, over fakes of the host.

use cumulet_engine::api::instance::AttributeChange;
use cumulet_engine::api::volume::{AttachVolume, CreateSnapshot, CreateVolume, DetachVolume, ModifyVolume};
use cumulet_model::attachment::AttachmentState;
use cumulet_model::snapshot::SnapshotState;
use cumulet_model::state::InstanceState;
use cumulet_model::volume::{ModificationState, Volume, VolumeState};
use cumulet_model::volume_type::VolumeType;
use cumulet_model::{ErrorCode, Gib, InstanceId, VolumeId};
use cumulet_ports::vm_host::VmEnd;
use cumulet_test_support::{TestCloud, eventually};

fn new_volume(size: u64) -> CreateVolume {
    CreateVolume {
        zone: "us-east-1a".into(),
        size: Some(Gib(size)),
        snapshot_id: None,
        kind: None,
        iops: None,
        throughput: None,
        tags: Default::default(),
        client_token: None,
    }
}

fn attach(volume: &VolumeId, instance: &InstanceId, device: &str) -> AttachVolume {
    AttachVolume { volume_id: volume.clone(), instance_id: instance.clone(), device: device.into() }
}

fn detach(volume: &VolumeId, force: bool) -> DetachVolume {
    DetachVolume { volume_id: volume.clone(), instance_id: None, device: None, force }
}

async fn wait_for(test: &TestCloud, id: &VolumeId, state: VolumeState) -> Volume {
    eventually(&format!("{id} is {}", state.as_str()), || async {
        test.cloud.volume(id).await.ok().filter(|volume| volume.state == state)
    })
    .await
}

async fn wait_attached(test: &TestCloud, id: &VolumeId) -> Volume {
    eventually(&format!("{id} is attached"), || async {
        let volume = test.cloud.volume(id).await.unwrap();
        let state = volume.attachment.as_ref().map(|attachment| attachment.state);
        (state == Some(AttachmentState::Attached)).then_some(volume)
    })
    .await
}

async fn volume(test: &TestCloud, size: u64) -> VolumeId {
    let made = test.cloud.create_volume(new_volume(size)).await.unwrap();
    assert_eq!(made.state, VolumeState::Creating);
    wait_for(test, &made.id, VolumeState::Available).await.id
}

async fn running(test: &TestCloud) -> InstanceId {
    let id = test.launch().await.id;
    test.wait_for(&id, InstanceState::Running).await;
    id
}

async fn stop(test: &TestCloud, id: &InstanceId) {
    test.cloud.stop_instances(std::slice::from_ref(id), true).await.unwrap();
    test.wait_for(id, InstanceState::Stopped).await;
}

#[tokio::test]
async fn a_volume_goes_into_a_running_machine_and_out_of_it() {
    let test = TestCloud::new().await;
    let (instance, id) = (running(&test).await, volume(&test, 3).await);
    assert_eq!(test.storage.size_of(&id), Some(Gib(3)));
    let attaching = test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
    assert_eq!(attaching.attachment.unwrap().state, AttachmentState::Attaching);
    wait_attached(&test, &id).await;
    assert!(test.vms.devices_of(&instance).contains(&id.to_string()));
    let again = test.cloud.attach_volume(attach(&id, &instance, "/dev/sdg")).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::VolumeInUse);
    assert_eq!(test.cloud.delete_volume(&id).await.unwrap_err().code, ErrorCode::VolumeInUse);

    test.vms.hold_on(true);
    let detaching = test.cloud.detach_volume(detach(&id, false)).await.unwrap();
    assert_eq!(detaching.state, AttachmentState::Detaching);
    eventually("the guest was asked", || async { test.vms.was_asked(&instance, id.as_str()).then_some(()) })
        .await;
    assert_eq!(test.cloud.volume(&id).await.unwrap().state, VolumeState::InUse, "the guest holds on to it");
    test.vms.hold_on(false);
    wait_for(&test, &id, VolumeState::Available).await;
    assert!(!test.vms.devices_of(&instance).contains(&id.to_string()));

    test.cloud.delete_volume(&id).await.unwrap();
    eventually("the volume is gone", || async { test.cloud.volume(&id).await.err() }).await;
    assert_eq!(test.storage.size_of(&id), None);
}

#[tokio::test]
async fn a_guest_that_holds_on_loses_the_volume_by_force() {
    let test = TestCloud::new().await;
    let (instance, id) = (running(&test).await, volume(&test, 1).await);
    test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
    wait_attached(&test, &id).await;
    test.vms.hold_on(true);
    test.cloud.detach_volume(detach(&id, false)).await.unwrap();
    eventually("the guest was asked", || async { test.vms.was_asked(&instance, id.as_str()).then_some(()) })
        .await;
    test.cloud.detach_volume(detach(&id, true)).await.unwrap();
    wait_for(&test, &id, VolumeState::Available).await;
}

#[tokio::test]
async fn a_machine_that_ends_settles_what_was_on_its_way() {
    let test = TestCloud::new().await;
    let (instance, id) = (running(&test).await, volume(&test, 1).await);
    test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
    wait_attached(&test, &id).await;
    test.vms.hold_on(true);
    test.cloud.detach_volume(detach(&id, false)).await.unwrap();
    eventually("the guest was asked", || async { test.vms.was_asked(&instance, id.as_str()).then_some(()) })
        .await;
    test.vms.end(&instance, VmEnd::Silent);
    test.wait_for(&instance, InstanceState::Stopped).await;
    assert_eq!(test.cloud.volume(&id).await.unwrap().state, VolumeState::Available);
}

#[tokio::test]
async fn a_stopped_instance_takes_and_gives_at_once_and_starts_with_what_it_has() {
    let test = TestCloud::new().await;
    let (instance, id) = (running(&test).await, volume(&test, 1).await);
    stop(&test, &instance).await;
    let volume = test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
    assert_eq!(volume.attachment.unwrap().state, AttachmentState::Attached);
    let root = test.cloud.instance(&instance).await.unwrap().block_devices;
    let root = root.into_iter().find(|device| device.volume_id != id).unwrap().volume_id;
    test.cloud.detach_volume(detach(&root, false)).await.unwrap();
    let ids = std::slice::from_ref(&instance);
    let rootless = test.cloud.start_instances(ids).await.unwrap_err();
    assert_eq!(rootless.code, ErrorCode::IncorrectInstanceState);
    test.cloud.attach_volume(attach(&root, &instance, "/dev/xvda")).await.unwrap();
    test.cloud.start_instances(ids).await.unwrap();
    test.wait_for(&instance, InstanceState::Running).await;
    assert_eq!(
        test.vms.devices_of(&instance)[..2],
        [root.to_string(), id.to_string()],
        "the root disk first"
    );
    let refused = test.cloud.detach_volume(detach(&root, true)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::OperationNotPermitted);

    test.cloud.terminate_instances(ids).await.unwrap();
    test.wait_for(&instance, InstanceState::Terminated).await;
    for kept in [&root, &id] {
        assert_eq!(test.cloud.volume(kept).await.unwrap().state, VolumeState::Available);
    }
}

#[tokio::test]
async fn an_attachment_that_fails_at_any_step_comes_to_rest() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let (instance, id) = (running(&test).await, volume(&test, 1).await);
        test.faults.fail_after(nth);
        test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
        let attached = eventually("it has come to rest", || async {
            let volume = test.cloud.volume(&id).await.unwrap();
            match volume.attachment.map(|attachment| attachment.state) {
                None => Some(false),
                Some(AttachmentState::Attached) => Some(true),
                Some(_) => None,
            }
        })
        .await;
        assert_eq!(attached, test.vms.devices_of(&instance).contains(&id.to_string()));
        if test.faults.clear().is_none() {
            assert!(attached && nth >= 3, "an attachment has at least three steps that can fail, not {nth}");
            return;
        }
        if attached {
            continue;
        }
        test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
        wait_attached(&test, &id).await;
    }
}

#[tokio::test]
async fn a_detachment_that_fails_at_any_step_is_tried_again() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let (instance, id) = (running(&test).await, volume(&test, 1).await);
        test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
        wait_attached(&test, &id).await;
        test.faults.fail_after(nth);
        test.cloud.detach_volume(detach(&id, false)).await.unwrap();
        wait_for(&test, &id, VolumeState::Available).await;
        assert!(!test.vms.devices_of(&instance).contains(&id.to_string()));
        if test.faults.clear().is_none() {
            return;
        }
    }
}

#[tokio::test]
async fn the_daemon_dies_with_volumes_in_every_state_and_goes_on() {
    let mut test = TestCloud::new().await;
    let instance = running(&test).await;
    let (going, coming, doomed) = (volume(&test, 1).await, volume(&test, 1).await, volume(&test, 1).await);
    test.cloud.attach_volume(attach(&going, &instance, "/dev/sdf")).await.unwrap();
    wait_attached(&test, &going).await;
    test.vms.hold_on(true);
    // From here on nothing that is asked for is done before the daemon dies.
    test.cloud.abandon();
    test.cloud.detach_volume(detach(&going, false)).await.unwrap();
    test.cloud.attach_volume(attach(&coming, &instance, "/dev/sdg")).await.unwrap();
    test.cloud.delete_volume(&doomed).await.unwrap();
    let fresh = test.cloud.create_volume(new_volume(1)).await.unwrap().id;
    test.restart().await;
    wait_attached(&test, &coming).await;
    wait_for(&test, &fresh, VolumeState::Available).await;
    eventually("the volume is gone", || async { test.cloud.volume(&doomed).await.err() }).await;
    eventually("the guest was asked", || async {
        test.vms.was_asked(&instance, going.as_str()).then_some(())
    })
    .await;
    test.vms.hold_on(false);
    wait_for(&test, &going, VolumeState::Available).await;
    assert_eq!(test.vms.starts(), 1, "the machine went on");
}

#[tokio::test]
async fn a_volume_grows_by_itself_in_a_machine_and_without_one() {
    let test = TestCloud::new().await;
    let (instance, id) = (running(&test).await, volume(&test, 1).await);
    let modify = |size| ModifyVolume {
        volume_id: id.clone(),
        size: Some(Gib(size)),
        kind: Some(VolumeType::Gp3),
        iops: None,
        throughput: None,
    };
    let completed = |size| {
        let (test, id) = (&test, &id);
        eventually("the modification is completed", move || async move {
            let all = test.cloud.volume_modifications().await.unwrap();
            let done = all.into_iter().find(|one| one.state == ModificationState::Completed);
            done.filter(|done| done.target.size == Gib(size) && done.volume_id == *id)
        })
    };
    test.cloud.modify_volume(modify(2)).await.unwrap();
    completed(2).await;
    assert_eq!(test.storage.size_of(&id), Some(Gib(2)));
    assert_eq!(test.cloud.volume(&id).await.unwrap().performance.kind, VolumeType::Gp3);

    test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
    wait_attached(&test, &id).await;
    test.cloud.modify_volume(modify(3)).await.unwrap();
    completed(3).await;
    assert_eq!(test.vms.resizes(), [(id.clone(), Gib(3))]);

    stop(&test, &instance).await;
    test.cloud.modify_volume(modify(4)).await.unwrap();
    completed(4).await;
    assert_eq!(test.storage.size_of(&id), Some(Gib(4)));
    let smaller = test.cloud.modify_volume(modify(3)).await.unwrap_err();
    assert_eq!(smaller.code, ErrorCode::InvalidParameterValue);
}

#[tokio::test]
async fn a_start_without_success_takes_no_volume_of_others_with_it() {
    let test = TestCloud::new().await;
    let image = test.image().await;
    test.faults.fail_after(u32::MAX);
    let request = cumulet_engine::api::instance::RunInstances::new(image.id);
    let instance = test.cloud.run_instances(request).await.unwrap().reservation.instances[0].id.clone();
    let ids = std::slice::from_ref(&instance);
    test.cloud.stop_instances(ids, true).await.unwrap();
    test.wait_for(&instance, InstanceState::Stopped).await;
    let id = volume(&test, 1).await;
    test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
    test.cloud.terminate_instances(ids).await.unwrap();
    test.wait_for(&instance, InstanceState::Terminated).await;
    assert_eq!(test.cloud.volume(&id).await.unwrap().state, VolumeState::Available);
    assert_eq!(test.storage.volumes(), [id]);
}

#[tokio::test]
async fn what_can_not_be_is_refused_by_ec2s_codes() {
    let test = TestCloud::new().await;
    let (instance, id) = (running(&test).await, volume(&test, 1).await);
    let abroad =
        test.cloud.create_volume(CreateVolume { zone: "us-east-1b".into(), ..new_volume(1) }).await.unwrap();
    wait_for(&test, &abroad.id, VolumeState::Available).await;
    let none: VolumeId = "vol-0123456789abcdef0".parse().unwrap();
    let refused = async |request| test.cloud.attach_volume(request).await.unwrap_err().code;
    assert_eq!(refused(attach(&none, &instance, "/dev/sdf")).await, ErrorCode::InvalidVolumeNotFound);
    assert_eq!(
        refused(attach(&abroad.id, &instance, "/dev/sdf")).await,
        ErrorCode::InvalidVolumeZoneMismatch
    );
    assert_eq!(refused(attach(&id, &instance, "/dev/xvda")).await, ErrorCode::InvalidParameterValue);
    assert_eq!(refused(attach(&id, &instance, "/dev/nvme0")).await, ErrorCode::InvalidParameterValue);
    let nobody: InstanceId = "i-0123456789abcdef0".parse().unwrap();
    assert_eq!(refused(attach(&id, &nobody, "/dev/sdf")).await, ErrorCode::InvalidInstanceIdNotFound);
    let loose = test.cloud.detach_volume(detach(&id, false)).await.unwrap_err();
    assert_eq!(loose.code, ErrorCode::IncorrectState);
    let nowhere = CreateVolume { zone: "eu-west-1a".into(), ..new_volume(1) };
    assert_eq!(test.cloud.create_volume(nowhere).await.unwrap_err().code, ErrorCode::InvalidZoneNotFound);
    let sizeless = CreateVolume { size: None, ..new_volume(1) };
    assert_eq!(test.cloud.create_volume(sizeless).await.unwrap_err().code, ErrorCode::MissingParameter);

    let token = |size| CreateVolume { client_token: Some("once".into()), ..new_volume(size) };
    let first = test.cloud.create_volume(token(1)).await.unwrap();
    assert_eq!(test.cloud.create_volume(token(1)).await.unwrap().id, first.id);
    let other = test.cloud.create_volume(token(2)).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::IdempotentParameterMismatch);
}

#[tokio::test]
async fn an_instance_has_no_more_volumes_than_its_machine_takes() {
    let test = TestCloud::new().await;
    let instance = running(&test).await;
    stop(&test, &instance).await;
    for letter in 'b'..='v' {
        let id = volume(&test, 1).await;
        test.cloud.attach_volume(attach(&id, &instance, &format!("/dev/sd{letter}"))).await.unwrap();
    }
    let one_more = volume(&test, 1).await;
    let refused = test.cloud.attach_volume(attach(&one_more, &instance, "/dev/sdz")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::AttachmentLimitExceeded);
}

fn snapshot_of(volume: &VolumeId) -> CreateSnapshot {
    CreateSnapshot { volume_id: volume.clone(), description: None, tags: Default::default() }
}

#[tokio::test]
async fn a_snapshot_is_taken_of_a_volume_by_itself_in_a_machine_and_without_one() {
    let mut test = TestCloud::new().await;
    let (instance, id) = (running(&test).await, volume(&test, 2).await);
    let alone = test.cloud.create_snapshot(snapshot_of(&id)).await.unwrap();
    assert_eq!((alone.state, alone.size), (SnapshotState::Completed, Gib(2)));
    test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
    wait_attached(&test, &id).await;
    assert_eq!(test.cloud.create_snapshot(snapshot_of(&id)).await.unwrap().state, SnapshotState::Completed);
    stop(&test, &instance).await;
    assert_eq!(test.cloud.create_snapshot(snapshot_of(&id)).await.unwrap().state, SnapshotState::Completed);

    let request = CreateVolume { size: None, snapshot_id: Some(alone.id.clone()), ..new_volume(1) };
    let made = test.cloud.create_volume(request.clone()).await.unwrap();
    assert_eq!(wait_for(&test, &made.id, VolumeState::Available).await.size, Gib(2));
    let small = CreateVolume { size: Some(Gib(1)), ..request };
    assert_eq!(test.cloud.create_volume(small).await.unwrap_err().code, ErrorCode::InvalidParameterValue);
    test.cloud.delete_snapshot(&alone.id).await.unwrap();
    assert_eq!(test.cloud.snapshots().await.unwrap().len(), 2);
    test.restart().await;
    assert_eq!(test.cloud.snapshots().await.unwrap().len(), 2);
    assert!(test.storage.aside().is_empty());
}

#[tokio::test]
async fn a_snapshot_that_fails_at_any_step_says_so_and_can_not_be_used() {
    for nth in 0.. {
        let test = TestCloud::new().await;
        let (instance, id) = (running(&test).await, volume(&test, 1).await);
        test.cloud.attach_volume(attach(&id, &instance, "/dev/sdf")).await.unwrap();
        wait_attached(&test, &id).await;
        test.faults.fail_after(nth);
        let taken = test.cloud.create_snapshot(snapshot_of(&id)).await.unwrap();
        let Some(failed) = test.faults.clear() else {
            assert!(taken.state == SnapshotState::Completed && nth >= 4, "four steps can fail, not {nth}");
            return;
        };
        assert_eq!(taken.state, SnapshotState::Error, "{failed} failed");
        assert!(taken.message.is_some_and(|message| message.contains(failed)));
        let request = CreateVolume { snapshot_id: Some(taken.id), ..new_volume(1) };
        assert_eq!(test.cloud.create_volume(request).await.unwrap_err().code, ErrorCode::IncorrectState);
    }
}

#[tokio::test]
async fn a_volume_is_snapshotted_for_ever_in_use_or_not() {
    let test = TestCloud::new().await;
    let instance = running(&test).await;
    let used = test.cloud.instance(&instance).await.unwrap().block_devices[0].volume_id.clone();
    let unused = volume(&test, 1).await;
    for id in [&used, &unused] {
        for round in 0..100 {
            let snapshot = test.cloud.create_snapshot(snapshot_of(id)).await.unwrap();
            assert_eq!(snapshot.state, SnapshotState::Completed, "{round}: {:?}", snapshot.message);
        }
        eventually("its layers are merged", || async { (test.storage.layers_of(id) < 12).then_some(()) })
            .await;
    }
}

#[tokio::test]
async fn layers_that_can_not_be_merged_stay_and_are_told_of_when_there_are_too_many() {
    let test = TestCloud::new().await;
    let id = volume(&test, 1).await;
    test.faults.fail_always("storage.merge_layers");
    let mut taken = 0;
    while test.cloud.create_snapshot(snapshot_of(&id)).await.unwrap().state == SnapshotState::Completed {
        taken += 1;
    }
    assert_eq!(taken, 31, "as many layers as there is room for");
    test.faults.clear();
    let snapshot = test.cloud.create_snapshot(snapshot_of(&id)).await.unwrap();
    assert_eq!(snapshot.state, SnapshotState::Completed, "{:?}", snapshot.message);
}

#[tokio::test]
async fn a_machine_is_told_what_its_type_lets_its_disks_do() {
    let test = TestCloud::new().await;
    let id = running(&test).await;
    for (name, expected) in
        [("t2.micro", None), ("t3.small", Some((174, 11_800))), ("m5.large", Some((650, 18_750)))]
    {
        stop(&test, &id).await;
        let change = AttributeChange::InstanceType(name.into());
        test.cloud.modify_instance_attribute(&id, change).await.unwrap();
        test.cloud.start_instances(std::slice::from_ref(&id)).await.unwrap();
        test.wait_for(&id, InstanceState::Running).await;
        let told = test.vms.with_spec(&id, |spec| spec.disk_bandwidth).unwrap();
        assert_eq!(told.map(|disks| (disks.baseline_mbps, disks.maximum_iops)), expected, "{name}");
    }
}
