//! The allowed arrows between the crates; see `crates/README.md`. A dependency that is not in this table is refused,
//! and an entry that nothing uses any more is told.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cumulet_e2e::run_ok;

/// Each crate with the crates of ours that it may use, and the runtime crates that are kept from it.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("vmm-protocol", &[]),
    ("cloud-init-config", &[]),
    ("kvm-probe", &[]),
    ("jailer", &[]),
    ("lab-agent", &[]),
    ("api-types", &[]),
    ("agent-protocol", &[]),
    ("file-tree", &["agent-protocol"]),
    ("agent", &["agent-protocol", "file-tree"]),
    ("agent-client", &["agent-protocol"]),
    ("vmm", &["vmm-protocol"]),
    ("ports", &["model", "vmm-protocol"]),
    ("store", &["model"]),
    ("supervisor", &["jailer", "model", "ports", "vmm-protocol"]),
    ("net", &["model", "ports"]),
    ("reach", &["model", "ports"]),
    ("storage", &["model", "ports"]),
    ("imds", &["model"]),
    ("firstboot", &["cloud-init-config"]),
    ("engine", &["agent-client", "cloud-init-config", "model", "ports", "reach", "store", "vmm-protocol"]),
    ("ec2-api", &["engine", "model"]),
    ("http-api", &["agent-client", "api-types", "engine", "model"]),
    ("client", &["agent-client", "api-types"]),
    ("bench", &["agent-protocol", "jailer", "vmm-protocol"]),
    ("cli", &["bench", "client", "file-tree", "jailer", "kvm-probe"]),
    (
        "daemon",
        &["ec2-api", "engine", "http-api", "imds", "model", "net", "ports", "storage", "store", "supervisor"],
    ),
    ("test-support", &["agent", "agent-client", "engine", "model", "ports", "store", "vmm-protocol"]),
    ("e2e", &[]),
];

/// Crates that know nothing of the runtime, the database or HTTP.
const LEAN: &[&str] = &[
    "bench",
    "model",
    "vmm-protocol",
    "vmm",
    "cloud-init-config",
    "firstboot",
    "kvm-probe",
    "jailer",
    "agent-protocol",
    "file-tree",
    "agent",
];
const HEAVY: &[&str] = &["tokio", "sqlx", "axum", "hyper", "reqwest"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let text = run_ok(
        Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .args(["--manifest-path", manifest]),
    );
    let metadata: serde_json::Value = serde_json::from_str(&text).unwrap();
    let short = |name: &serde_json::Value| name.as_str().unwrap().trim_start_matches("cumulet-").to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
            (short(&package["name"]), normal.map(|dependency| short(&dependency["name"])).collect())
        })
        .collect()
}

#[test]
fn crates_use_only_those_that_the_table_allows() {
    let table: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let all = dependencies();
    for (name, used) in &all {
        let Some(allowed) = table.get(name.as_str()) else { panic!("crate {name} is not in the table") };
        let ours: BTreeSet<_> = used.iter().map(String::as_str).filter(|d| all.contains_key(*d)).collect();
        let allowed: BTreeSet<_> = allowed.iter().copied().collect();
        assert_eq!(ours, allowed, "crate {name}: what it uses, and what the table allows");
    }
}

#[test]
fn the_lean_crates_know_no_runtime_no_database_and_no_http() {
    let all = dependencies();
    for name in LEAN {
        let heavy: Vec<_> = HEAVY.iter().filter(|heavy| all[*name].contains(**heavy)).collect();
        assert!(heavy.is_empty(), "crate {name} uses {heavy:?}");
    }
}
