//! Parts that come and go between saving and restoring.

use super::format::{self, Kind};
use super::machine::{MachineSave, rename};
use super::part::{Part, PartError};
use super::restore::{RestoreError, apply_parts};
use serde_json::Value;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct Named(&'static str, Mutex<Value>);

impl Part for Named {
    fn part(&self) -> String {
        self.0.to_owned()
    }

    fn save(&self) -> Result<Value, PartError> {
        Ok(self.1.lock().unwrap().clone())
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        *self.1.lock().unwrap() = state;
        Ok(())
    }
}

fn part(name: &'static str) -> Arc<Named> {
    Arc::new(Named(name, Mutex::default()))
}

fn state(name: &str) -> (String, Value) {
    (name.to_owned(), name.into())
}

#[test]
fn every_part_gets_its_own_state_whatever_the_order() {
    let (a, b) = (part("a"), part("b"));
    apply_parts(vec![state("b"), state("a")], &vec![a.clone(), b.clone()]).unwrap();
    assert_eq!((a.save().unwrap(), b.save().unwrap()), ("a".into(), "b".into()));
}

/// A fork's volumes and interfaces are others than its source's.
#[test]
fn a_part_that_is_called_otherwise_now_gets_the_state_of_its_old_name() {
    let mut saved = vec![state("disk vol-1"), state("disk vol-2"), state("pci")];
    let renamed = [("vol-1", "vol-2"), ("vol-2", "vol-1"), ("pci", "serial")];
    rename(&mut saved, &renamed.map(|(then, now)| (then.to_owned(), now.to_owned())).into());
    let names: Vec<_> = saved.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["disk vol-2", "disk vol-1", "pci"]);
}

#[test]
fn a_part_too_many_or_too_few_is_named_and_none_is_changed() {
    let (a, b) = (part("a"), part("b"));
    let error =
        apply_parts(vec![state("a"), state("b"), state("c")], &vec![a.clone(), b.clone()]).unwrap_err();
    assert!(matches!(error, RestoreError::Missing(name) if name == "c"));
    let error = apply_parts(vec![state("a")], &vec![a.clone(), b]).unwrap_err();
    assert!(matches!(error, RestoreError::Unknown(name) if name == "b"));
    assert_eq!(a.save().unwrap(), Value::Null);
}

/// Also on hosts without KVM; `tests/guest/golden.rs` restores it.
#[test]
fn the_first_version_can_be_read() {
    let file = include_bytes!("../../tests/golden/state-v1");
    let saved: MachineSave = format::decode(Kind::State, file).unwrap();
    assert_eq!((saved.vcpus.len(), saved.memory_bytes, saved.generation_id), (2, 64 << 20, true));
    let names: Vec<_> = saved.parts.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["pci", "serial", "power", "disk vol-1", "interface eni-1", "entropy", "vsock"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    // What is read is written again as it was.
    assert_eq!(format::encode(Kind::State, &saved).unwrap(), file);
}
