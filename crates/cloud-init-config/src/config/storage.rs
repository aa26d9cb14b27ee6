//! `growpart` and `mounts`.

use super::fields::{Fields, flag_of};
use super::write::Writer;
use crate::validate::Rule;
use crate::yaml::{Mapping, Value};

/// Whether partitions grow to the size of their disks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Growpart {
    /// By which tool.
    pub mode: GrowMode,
    /// Devices or mount points; `/` where empty.
    pub devices: Vec<String>,
    /// Keys that this crate doesn't know, or doesn't type.
    pub other: Mapping,
}

/// The tool that grows a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GrowMode {
    /// Whichever is there.
    #[default]
    Auto,
    /// cloud-utils' `growpart`.
    Growpart,
    /// FreeBSD's `gpart`.
    Gpart,
    /// None: leave them.
    Off,
}

const MODES: [(&str, GrowMode); 4] = [
    ("auto", GrowMode::Auto),
    ("growpart", GrowMode::Growpart),
    ("gpart", GrowMode::Gpart),
    ("off", GrowMode::Off),
];

pub(super) fn read_growpart(fields: &mut Fields<'_>) -> Option<Growpart> {
    let map = fields.mapping("growpart")?;
    let mut inner = Fields::new("growpart", map, fields.notes());
    let mode = match inner.take("mode") {
        None => GrowMode::Auto,
        // `off` without quotes is a boolean.
        Some(value) if flag_of(&value) == Some(false) => GrowMode::Off,
        Some(value) => match MODES.iter().find(|(name, _)| value.as_str() == Some(name)) {
            Some((_, mode)) => *mode,
            None => {
                inner.wrong("mode", "auto, growpart, gpart or off", value);
                GrowMode::Auto
            }
        },
    };
    let devices = inner.texts("devices");
    Some(Growpart { mode, devices, other: inner.finish(&["ignore_growroot_disabled"]) })
}

pub(super) fn write_growpart(growpart: &Growpart) -> Mapping {
    let mode = MODES.iter().find(|(_, mode)| *mode == growpart.mode && *mode != GrowMode::Auto);
    Writer::default()
        .put("mode", mode.map(|(name, _)| *name))
        .texts("devices", &growpart.devices)
        .finish(&growpart.other)
}

/// Each entry is the beginning of an fstab line: device, mount point, type, options, dump, pass.
pub(super) fn read_mounts(fields: &mut Fields<'_>) -> Vec<Vec<Option<String>>> {
    let mut mounts = Vec::new();
    for (at, item) in fields.list("mounts").unwrap_or_default().into_iter().enumerate() {
        match item {
            Value::Sequence(columns) if (1..=6).contains(&columns.len()) => {
                mounts.push(columns.iter().map(Value::scalar_text).collect());
            }
            other => {
                let message = format!("expected a list of 1 to 6 fstab fields, found {}", other.kind());
                fields.note(&format!("mounts[{at}]"), Rule::WrongType, message);
            }
        }
    }
    mounts
}

pub(super) fn write_mount(columns: &[Option<String>]) -> Value {
    let column = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    Value::Sequence(columns.iter().map(column).collect())
}
