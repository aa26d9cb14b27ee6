//! The real VMM with a real kernel: needs `/dev/kvm`, `CUMULET_TEST_KERNEL` (a kernel that this host's KVM runs), and
//! the program, from `CUMULET_TEST_VMM` or beside the test's own build.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::*;
use cumulet_model::Mib;
use cumulet_ports::VmHost;
use cumulet_ports::storage::{DiskChain, DiskFormat, DiskLayer};
use cumulet_ports::vm_host::{FoundState, VmBase, VmEnd};
use cumulet_supervisor::Supervisor;
use cumulet_vmm_protocol::ExitReason;

/// The bench with the real program, device and kernel; or why not.
fn real_bench() -> Result<(Bench, PathBuf), String> {
    let kernel = std::env::var_os("CUMULET_TEST_KERNEL").ok_or("CUMULET_TEST_KERNEL is not set")?;
    let beside = || std::env::current_exe().ok()?.parent()?.parent().map(|dir| dir.join("cumulet-vmm"));
    let program = std::env::var_os("CUMULET_TEST_VMM").map(PathBuf::from).or_else(beside);
    let program =
        program.filter(|path| path.exists()).ok_or("there is no cumulet-vmm; set CUMULET_TEST_VMM")?;
    if !std::path::Path::new("/dev/kvm").exists() {
        return Err("there is no /dev/kvm".into());
    }
    let mut bench = Bench::new();
    bench.config.vmm_program = program;
    bench.config.kvm = "/dev/kvm".into();
    bench.config.call_limit = Duration::from_secs(30);
    bench.config.kill_grace = Duration::from_secs(30);
    Ok((bench, kernel.into()))
}

/// Reads the console until it has shown a text.
async fn shows(supervisor: &Supervisor, id: &cumulet_model::InstanceId, text: &str) {
    let (mut seen, mut offset) = (String::new(), 0);
    for _ in 0..2000 {
        let chunk = supervisor.console(id, Some(offset), 65536, true).await.unwrap();
        offset = chunk.offset + chunk.data.len() as u64;
        seen.push_str(&String::from_utf8_lossy(&chunk.data));
        if seen.contains(text) {
            return;
        }
        if chunk.data.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("the console never showed {text:?}: {seen}");
}

/// The process's own filters, and one of its kind: a vCPU's, the disk's, the main thread's.
fn each_thread_is_filtered(pid: u32) {
    let mut names = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        assert_eq!((field("Seccomp"), field("NoNewPrivs")), ("2".into(), "1".into()), "{status}");
        assert_eq!(field("Seccomp_filters"), "3", "{status}");
        names.push(field("Name"));
    }
    for name in ["cumulet-vmm", "vcpu0", "disk0"] {
        assert!(names.iter().any(|it| it == name), "{name} is not among {names:?}");
    }
}

#[tokio::test]
async fn a_kernel_boots_outlives_its_daemon_and_is_killed() {
    let name = "a_kernel_boots_outlives_its_daemon_and_is_killed";
    let (bench, kernel) = match real_bench() {
        Ok(found) => found,
        Err(reason) => return skip(name, &reason),
    };
    let (supervisor, _events, _) = bench.daemon().await;
    let mut spec = bench.spec("console=ttyS0 panic=0");
    spec.kernel = kernel;
    spec.memory_max = Some(Mib(384));
    let disk = bench.dir.path().join("disk.raw");
    std::fs::File::create(&disk).unwrap().set_len(1 << 20).unwrap();
    let layers = vec![DiskLayer { path: disk, format: DiskFormat::Raw }];
    spec.disks[0].chain = DiskChain { layers };
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    shows(&supervisor, &id, "Linux version").await;
    let pid = bench.pid(&id);
    each_thread_is_filtered(pid);
    supervisor.set_memory(&id, Mib(385)).await.unwrap_err();
    supervisor.set_memory(&id, Mib(256)).await.unwrap();
    let memory = supervisor.metrics(&id).await.unwrap().memory;
    assert_eq!((memory.most_mib, memory.target_mib), (384, 256));
    drop(supervisor);

    let (supervisor, mut events, found) = bench.daemon().await;
    assert_eq!(found[0].state, FoundState::Running);
    assert_eq!(supervisor.metrics(&id).await.unwrap().vcpus.len(), 1);
    supervisor.kill(&id).await.unwrap();
    assert!(is_reaped(pid));
    assert_eq!(next(&mut events).await.end, VmEnd::Recorded(ExitReason::Killed));
    let after = supervisor.console(&id, Some(0), 65536, false).await.unwrap();
    assert!(String::from_utf8_lossy(&after.data).contains("Linux version"), "the console after the end");
}

#[tokio::test]
async fn a_kernel_that_is_none_is_named() {
    let name = "a_kernel_that_is_none_is_named";
    let (bench, _) = match real_bench() {
        Ok(found) => found,
        Err(reason) => return skip(name, &reason),
    };
    let (supervisor, _events, _) = bench.daemon().await;
    let mut spec = bench.spec("");
    spec.disks.clear();
    let error = supervisor.start(spec).await.unwrap_err().chain();
    assert!(error.contains("kernel"), "{error}");
}

#[tokio::test]
async fn what_the_first_fork_touches_is_learned_once_and_fetched_ahead_for_the_next() {
    let name = "what_the_first_fork_touches_is_learned_once_and_fetched_ahead_for_the_next";
    let (bench, kernel) = match real_bench() {
        Ok(found) => found,
        Err(reason) => return skip(name, &reason),
    };
    let (supervisor, _events, _) = bench.daemon().await;
    let without_disks = || {
        let mut spec = bench.spec("console=ttyS0 panic=0");
        spec.disks.clear();
        spec
    };
    let mut spec = without_disks();
    spec.kernel = kernel;
    let source = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    shows(&supervisor, &source, "Linux version").await;
    let bases =
        [supervisor.fork(&source, vec![]).await.unwrap(), supervisor.fork(&source, vec![]).await.unwrap()];
    assert!(bases[1].touched.list().is_none());
    for base in &bases {
        let mut spec = without_disks();
        spec.base = Some(VmBase { machine: base.clone(), renamed: Default::default(), paused: false });
        let fork = spec.instance_id.clone();
        supervisor.start(spec).await.unwrap();
        supervisor.learn_touched(&fork, base).await.unwrap();
        // What one fork has told counts for all bases of its source, and nobody is asked twice.
        let list = std::fs::File::from(bases[1].touched.list().unwrap().try_clone().unwrap());
        assert!(list.metadata().unwrap().len() > 0);
        std::os::unix::fs::FileExt::write_at(&list, b"x", 0).unwrap_err();
        assert!(!bases[0].touched.begin_to_learn());
        assert!(supervisor.is_running(&fork).await);
        let log = std::fs::read_to_string(bench.run_dir(&fork).join("vmm.log")).unwrap();
        assert!(!log.contains("fetched ahead"), "the list can be used: {log}");
    }
}
