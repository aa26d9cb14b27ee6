//! Jails from the outside: what the host's `/proc` shows of a VMM in its jail; and from the inside: what a program in a
//! VMM's place can get at, and what it can make the daemon do. Needs root.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use common::*;
use cumulet_ports::VmHost;
use cumulet_ports::vm_host::VmEnd;
use cumulet_supervisor::SupervisorConfig;

const EPERM: &str = "errno 1";
const ENOENT: &str = "errno 2";
const ESRCH: &str = "errno 3";
const EACCES: &str = "errno 13";
const EROFS: &str = "errno 30";
const ENETUNREACH: &str = "errno 101";

fn jails(name: &str) -> Option<Bench> {
    if !is_root() {
        skip(name, "jails are made by root");
        return None;
    }
    Some(Bench::new())
}

fn status(pid: u32) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

fn namespace(pid: u32, kind: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap()
}

/// The groups, as paths below their mounts, that a process is in.
fn groups(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap()
}

#[tokio::test]
async fn a_jailed_vmm_is_somebody_of_its_own_with_nothing() {
    let Some(bench) = jails("a_jailed_vmm_is_somebody_of_its_own_with_nothing") else { return };
    let (supervisor, _events, _) = bench.daemon().await;
    let mut users = Vec::new();
    for _ in 0..2 {
        let spec = bench.spec("Good");
        let id = spec.instance_id.clone();
        supervisor.start(spec).await.unwrap();
        let pid = bench.pid(&id);
        let status = status(pid);
        let uid = fs::metadata(bench.run_dir(&id)).unwrap().gid();
        assert!(cumulet_jailer::uids::is_ours(uid));
        for field in ["Uid", "Gid"] {
            assert_eq!(status[field], vec![uid.to_string(); 4].join(" "), "{field}");
        }
        assert_eq!(status["Groups"], "");
        for field in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status[field], "0000000000000000", "{field}");
        }
        assert_eq!(status["NoNewPrivs"], "1");
        assert_eq!(status["NSpid"], format!("{pid} 1"), "the first of its own namespace");
        for kind in ["mnt", "pid", "ipc", "uts", "net"] {
            assert_ne!(namespace(pid, kind), namespace(std::process::id(), kind), "{kind}");
        }
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let limit = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(limit("Max core file size").split_whitespace().any(|word| word == "0"));
        let nofile = limit("Max open files");
        assert!(nofile.split_whitespace().nth(4).unwrap().parse::<u32>().unwrap() <= 4096, "{nofile}");
        users.push((id, uid, pid));
    }
    assert_ne!(users[0].1, users[1].1);
    assert_ne!(namespace(users[0].2, "net"), namespace(users[1].2, "net"));
    for (id, _, pid) in users {
        supervisor.kill(&id).await.unwrap();
        supervisor.forget(&id).await.unwrap();
        assert!(is_reaped(pid));
    }
}

#[tokio::test]
async fn a_machine_has_control_groups_while_it_runs_and_none_afterwards() {
    let name = "a_machine_has_control_groups_while_it_runs_and_none_afterwards";
    let Some(bench) = jails(name) else { return };
    if cumulet_jailer::cgroup::survey().has.is_empty() {
        return skip(name, "the host gives no control groups");
    }
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("Good");
    let id = spec.instance_id.clone();
    supervisor.start(spec).await.unwrap();
    let record = cumulet_jailer::record::ProcessRecord::read(&bench.run_dir(&id)).unwrap().unwrap();
    assert_eq!(record.pid, bench.pid(&id));
    assert!(!record.cgroups.is_empty());
    assert!(groups(record.pid).lines().any(|line| line.ends_with(&format!("/cumulet/{id}"))));
    supervisor.kill(&id).await.unwrap();
    supervisor.forget(&id).await.unwrap();
    for dir in record.cgroups {
        assert!(!dir.exists(), "{}", dir.display());
    }
}

/// Runs the program that wants out, and gives its report.
async fn imprison(
    bench: &mut Bench,
) -> (cumulet_supervisor::Supervisor, cumulet_model::InstanceId, BTreeMap<String, String>) {
    bench.config.vmm_program = env!("CARGO_BIN_EXE_prisoner").into();
    let (supervisor, _events, _) = bench.daemon().await;
    let spec = bench.spec("");
    let id = spec.instance_id.clone();
    let error = supervisor.start(spec).await.unwrap_err().chain();
    // It has ended, or was killed for the link in its socket's place.
    assert!(error.contains("did not start") || error.contains("something else"), "{error}");
    let report = fs::read_to_string(bench.run_dir(&id).join("report"));
    let report = report.unwrap_or_else(|_| panic!("no report: {error}"));
    let report = report.lines().map(|line| line.split_once(": ").unwrap());
    let report = report.map(|(what, told)| (what.to_owned(), told.to_owned())).collect();
    (supervisor, id, report)
}

#[tokio::test]
async fn nothing_of_the_host_is_to_be_had_in_a_jail() {
    let Some(mut bench) = jails("nothing_of_the_host_is_to_be_had_in_a_jail") else { return };
    let (_supervisor, id, report) = imprison(&mut bench).await;
    let told =
        |what: &str| report.get(what).unwrap_or_else(|| panic!("{what} is not in {report:#?}")).as_str();
    for path in [
        "/etc/passwd",
        "/proc/self/status",
        "/proc/1/root/etc/passwd",
        "/dev/kvm",
        "/../../etc/passwd",
        "/sys",
    ] {
        assert_eq!(told(&format!("look at {path}")), ENOENT, "{path}");
    }
    assert!(
        told("root").split(' ').all(|name| ["lib", "lib64", "run", "usr"].contains(&name)),
        "{}",
        told("root")
    );
    assert_eq!(told("write beside the run directory"), EROFS);
    assert_eq!(told("make a directory in the root"), EROFS);
    for name in ["spec.json", "process.json"] {
        assert_eq!(told(&format!("read {name}")), EACCES);
        assert_eq!(told(&format!("write {name}")), EACCES);
        assert_eq!(told(&format!("remove {name}")), EPERM);
        assert_eq!(told(&format!("replace {name}")), EPERM);
    }
    assert_eq!(told("run a program"), ENOENT);
    assert_eq!(told("see a parent"), "entity not found");
    assert_eq!(told("signal all others"), ESRCH);
    assert_eq!(told("signal process 2"), ESRCH);
    for address in ["127.0.0.1:22", "198.18.0.1:80", "169.254.169.254:80"] {
        assert_eq!(told(&format!("connect to {address}")), ENETUNREACH);
        assert_eq!(told(&format!("send to {address}")), ENETUNREACH);
    }
    for refused in [
        "open a raw socket",
        "make a device",
        "become root",
        "become root's group",
        "mount",
        "change the root",
        "get a user namespace",
        "get a network namespace",
        "set the host name",
        "raise a limit",
    ] {
        assert_eq!(told(refused), EPERM, "{refused}");
    }
    assert_eq!((told("make a file of its own"), told("remove a file of its own")), ("done", "done"));
    assert_eq!((told("name"), told("process")), (id.as_str(), "1"));
    // The specification, KVM, the kernel, two layers of a disk, and the supervisor's lock.
    assert_eq!(told("descriptors"), "6");
}

#[tokio::test]
async fn what_a_prisoner_leaves_leads_nobody_astray() {
    let Some(mut bench) = jails("what_a_prisoner_leaves_leads_nobody_astray") else { return };
    let (supervisor, id, _) = imprison(&mut bench).await;
    let dir = bench.run_dir(&id);
    assert!(dir.join("console.log").symlink_metadata().unwrap().is_symlink(), "it got that far");
    let console = supervisor.console(&id, Some(0), 1000, false).await;
    assert!(console.is_err(), "a link was followed: {console:?}");
    drop(supervisor);
    let (supervisor, _events, found) = bench.daemon().await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].state,
        cumulet_ports::vm_host::FoundState::Ended(VmEnd::Silent),
        "a record of the host's?"
    );
    supervisor.forget(&id).await.unwrap();
    assert!(!dir.exists() && Path::new("/etc/hostname").exists() && Path::new("/etc").is_dir());
}

#[tokio::test]
async fn a_link_in_the_place_of_the_socket_is_not_followed() {
    let Some(bench) = jails("a_link_in_the_place_of_the_socket_is_not_followed") else { return };
    let (supervisor, mut events, _) = bench.daemon().await;
    let (one, other) = (bench.spec("Good"), bench.spec("Good"));
    let (id, other_id) = (one.instance_id.clone(), other.instance_id.clone());
    supervisor.start(one).await.unwrap();
    supervisor.start(other).await.unwrap();
    // As the VMM itself could do it: another machine's socket, by a link and by its own name.
    let socket = bench.run_dir(&id).join("control.sock");
    let others = bench.run_dir(&other_id).join("control.sock");
    fs::remove_file(&socket).unwrap();
    symlink(&others, &socket).unwrap();
    let error = supervisor.metrics(&id).await.unwrap_err().chain();
    assert!(error.contains("something else"), "{error}");
    fs::remove_file(&socket).unwrap();
    fs::rename(&others, &socket).unwrap();
    let error = supervisor.metrics(&id).await.unwrap_err().chain();
    assert!(error.contains("another process"), "{error}");
    supervisor.kill(&id).await.unwrap();
    assert_eq!(next(&mut events).await.instance_id, id);
    assert!(supervisor.is_running(&other_id).await, "its neighbour has not got the kill command");
    supervisor.kill(&other_id).await.unwrap();
}

#[tokio::test]
async fn no_machine_starts_without_the_jailer() {
    let bench = Bench::without_jail();
    let config = SupervisorConfig { jail: SupervisorConfig::new("/run/x").jail, ..bench.config.clone() };
    let error = cumulet_supervisor::Supervisor::new(config).unwrap_err().to_string();
    assert!(error.contains("cumulet-jailer is not there"), "{error}");
}
