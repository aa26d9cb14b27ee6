//! The forms on the wire and on disk. A VMM outlives the daemon that started it, so a change that fails here needs a
//! new version, not a new expectation.

use cumulet_vmm_protocol::{
    BootProtocol, Command, ConsoleRead, ConsoleWrite, DiskFormat, ExitReason, ExitRecord, Layer, MachineSpec,
    Phase, Refusal, RefusalCode, Reply, Request, Response, Snapshot, SnapshotInfo, Source, Status, SwapDisk,
    TapSource, WaitStatus, WorkingSet,
};
use serde_json::{from_value, json, to_value};

#[test]
fn a_specification_reads_as_documented() {
    let spec: MachineSpec = from_value(json!({
        "version": 1, "instance_id": "i-0", "launch_id": "l-0", "vcpus": 2, "memory_mib": 512,
        "kvm": {"fd": 3}, "kernel": {"fd": 4}, "initrd": {"path": "/boot/initrd"}, "boot": "linux64",
        "cmdline": "console=ttyS0",
        "disks": [{
            "id": "vol-0", "serial": "vol0", "layer": {"format": "qcow2", "source": {"fd": 5}},
            "backing": [{"format": "raw", "source": {"fd": 6}}],
        }],
        "nets": [{"id": "eni-0", "mac": "02:00:00:00:00:01", "tap": {"fd": 7}, "mtu": 1500}],
        "smbios": {
            "product_uuid": "ec2f1a2b-0102-0304-0506-070809101112", "product_serial": "s", "sys_vendor": "v",
            "product_name": "n", "bios_vendor": "b", "bios_version": "1", "chassis_asset_tag": "c",
            "board_asset_tag": "a",
        },
    }))
    .unwrap();
    assert_eq!((spec.boot, spec.kvm), (BootProtocol::Linux64, Some(Source::Fd(3))));
    assert_eq!((spec.entropy, spec.console_log_bytes, spec.die_with_parent), (true, 1 << 20, false));
    assert_eq!((spec.disks[0].layer.format, spec.disks[0].read_only), (DiskFormat::Qcow2, false));
    assert_eq!(spec.nets[0].tap, TapSource::Fd(7));
}

#[test]
fn an_unknown_field_of_a_specification_is_an_error() {
    let spec = json!({
        "version": 1, "instance_id": "i", "launch_id": "l", "vcpus": 1, "memory_mib": 64, "kernel": {"fd": 3},
        "turbo": true,
    });
    assert!(from_value::<MachineSpec>(spec).unwrap_err().to_string().contains("turbo"));
}

#[test]
fn commands_are_kebab_case() {
    for (command, form) in [
        (Command::Hello, json!("hello")),
        (Command::PowerButton, json!("power-button")),
        (Command::WaitStatus(WaitStatus { after: 3 }), json!({"wait-status": {"after": 3}})),
        (
            Command::ConsoleRead(ConsoleRead { offset: None, max: 5, wait: false }),
            json!({"console-read": {"max": 5, "wait": false}}),
        ),
        (
            Command::ConsoleWrite(ConsoleWrite { data: b"ls\n".to_vec() }),
            json!({"console-write": {"data": "bHMK"}}),
        ),
    ] {
        let request = Request { id: 9, fds: 0, command };
        let form = json!({"id": 9, "command": form});
        assert_eq!(to_value(&request).unwrap(), form);
        assert_eq!(from_value::<Request>(form).unwrap(), request);
    }
}

#[test]
fn answers_are_ok_or_err() {
    let status = Status { generation: 4, phase: Phase::Paused, power_button_presses: 0, driver_seen: true };
    let response = Response { id: 1, fds: 0, result: Ok(Reply::Status(status)) };
    let form = json!({"id": 1, "result": {"Ok": {"status":
        {"generation": 4, "phase": "paused", "power_button_presses": 0, "driver_seen": true}}}});
    assert_eq!(to_value(&response).unwrap(), form);
    let refusal = Refusal { code: RefusalCode::WrongPhase, message: "the machine is ending".into() };
    let form =
        json!({"id": 1, "result": {"Err": {"code": "wrong-phase", "message": "the machine is ending"}}});
    assert_eq!(to_value(Response { id: 1, fds: 0, result: Err(refusal) }).unwrap(), form);
}

#[test]
fn every_reason_has_its_kind() {
    let text = String::new;
    for (reason, kind) in [
        (ExitReason::GuestPoweroff { after_power_button: true }, "guest-poweroff"),
        (ExitReason::GuestReset, "guest-reset"),
        (ExitReason::Killed, "killed"),
        (ExitReason::ParentDied, "parent-died"),
        (ExitReason::TripleFault { vcpu: 0 }, "triple-fault"),
        (ExitReason::GuestCrash { how: text() }, "guest-crash"),
        (ExitReason::DeviceError { device: text(), message: text() }, "device-error"),
        (ExitReason::StartFailed { what: text(), message: text() }, "start-failed"),
        (ExitReason::BadSpec { message: text() }, "bad-spec"),
        (ExitReason::InternalError { message: text() }, "internal-error"),
    ] {
        let record = ExitRecord {
            protocol_version: 1,
            instance_id: "i".into(),
            launch_id: "l".into(),
            boot_id: "b".into(),
            pid: 7,
            reason,
            at_unix_ms: 8,
        };
        let form = to_value(&record).unwrap();
        assert_eq!(form["reason"]["kind"], kind);
        assert_eq!(from_value::<ExitRecord>(form).unwrap(), record);
    }
}

#[test]
fn a_saved_machine_is_named_by_its_two_files() {
    let spec: MachineSpec = from_value(json!({
        "version": 1, "instance_id": "i", "launch_id": "l", "vcpus": 1, "memory_mib": 64,
        "restore": {"state": {"fd": 5}, "memory": {"path": "/memory"}, "renamed": {"vol-1": "vol-2"}},
    }))
    .unwrap();
    let restore = spec.restore.unwrap();
    assert_eq!((restore.state, restore.prefetch, restore.paused), (Source::Fd(5), None, false));
    assert_eq!((spec.kernel, restore.renamed["vol-1"].as_str()), (None, "vol-2"));
    for (command, form) in [
        (Command::ForkBase, json!("fork-base")),
        (
            Command::Snapshot(Snapshot { state: Source::Fd(0), memory: Source::Fd(1), pagemap: None }),
            json!({"snapshot": {"state": {"fd": 0}, "memory": {"fd": 1}}}),
        ),
        (
            Command::WorkingSet(WorkingSet { to: Source::Fd(0), pagemap: Some(Source::Fd(1)) }),
            json!({"working-set": {"to": {"fd": 0}, "pagemap": {"fd": 1}}}),
        ),
        (
            Command::SwapDisk(SwapDisk {
                id: "vol-1".into(),
                layer: Layer { format: DiskFormat::Qcow2, source: Source::Fd(0) },
                backing: Vec::new(),
            }),
            json!({"swap-disk": {"id": "vol-1", "layer": {"format": "qcow2", "source": {"fd": 0}}, "backing": []}}),
        ),
    ] {
        assert_eq!(to_value(&command).unwrap(), form);
        assert_eq!(from_value::<Command>(form).unwrap(), command);
    }
    let info = SnapshotInfo { id: "0a".into(), memory_bytes: 1 << 26, written_bytes: 4096, took_us: 9 };
    let form =
        json!({"snapshot": {"id": "0a", "memory_bytes": 67_108_864, "written_bytes": 4096, "took_us": 9}});
    assert_eq!(to_value(Reply::Snapshot(info)).unwrap(), form);
}
