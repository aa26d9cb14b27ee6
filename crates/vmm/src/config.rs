//! The machine as the builder takes it: a [`MachineSpec`] whose every rule has been checked and whose paths are
//! absolute. Nothing here touches the host.

use crate::begin::Begin;
use crate::devices::{block::BlockConfig, net::NetConfig, vmgenid::GenerationId, vsock::VsockConfig};
use crate::limits;
use crate::memory::layout;
use crate::pci::SLOTS;
use crate::smbios::SmbiosConfig;
use cumulet_vmm_protocol::{Limits, MachineSpec, SPEC_VERSION, Source};
use std::collections::HashSet;
use std::path::Path;

/// Most vCPUs of a machine.
pub const MAX_VCPUS: u32 = 64;
/// Least guest memory in MiB.
pub const MIN_MEMORY_MIB: u64 = 64;
/// Most guest memory in MiB: 4 TiB.
pub const MAX_MEMORY_MIB: u64 = 4 << 20;
/// What the memory beyond that at the start is a multiple of, in MiB: the pieces in which Linux adds memory.
pub const PLUGGABLE_MIB: u64 = 128;
/// Most disks of a machine.
pub const MAX_DISKS: usize = 22;
/// Most limits of all disks together.
pub const MAX_DISK_LIMITS: usize = 4;
/// Most interfaces of a machine.
pub const MAX_NETS: usize = 8;

/// A rule that a specification breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct SpecError {
    /// The field as a path in the document, for example `disks[1].serial`.
    pub field: String,
    /// What is asked of it.
    pub rule: String,
}

impl SpecError {
    /// Says that `field` breaks `rule`.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

/// What sources are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Base<'b> {
    /// Relative paths begin here.
    folder: &'b Path,
    /// The numbers that descriptors can have.
    least_fd: i32,
}

impl<'b> Base<'b> {
    /// Descriptors are inherited: they come after the standard ones.
    pub fn inherited(folder: &'b Path) -> Self {
        Self { folder, least_fd: 3 }
    }

    /// Descriptors come with a message and are counted from 0.
    pub fn message(folder: &'b Path) -> Self {
        Self { folder, least_fd: 0 }
    }
}

/// A checked machine.
#[derive(Debug, Clone)]
pub struct MachineConfig {
    /// From the specification.
    pub instance_id: String,
    /// From the specification.
    pub launch_id: String,
    /// 1 to [`MAX_VCPUS`].
    pub vcpus: u32,
    /// Bytes of guest memory, a multiple of 1 MiB.
    pub memory_bytes: u64,
    /// Bytes of memory that can be plugged beyond that, a multiple of [`PLUGGABLE_MIB`].
    pub pluggable_bytes: u64,
    /// The KVM device.
    pub kvm: Source,
    /// How it begins.
    pub begin: Begin,
    /// The disks.
    pub disks: Vec<BlockConfig>,
    /// What all disks may do together.
    pub disk_limits: Vec<Limits>,
    /// The interfaces.
    pub nets: Vec<NetConfig>,
    /// Whether there is an entropy device.
    pub entropy: bool,
    /// Whether there is a balloon.
    pub balloon: bool,
    /// Sockets between host and guest.
    pub vsock: Option<VsockConfig>,
    /// The generation ID.
    pub generation_id: Option<GenerationId>,
    /// SMBIOS strings.
    pub smbios: Option<SmbiosConfig>,
    /// Bytes of console output kept.
    pub console_log_bytes: u64,
    /// Whether to end with the parent process.
    pub die_with_parent: bool,
}

impl MachineConfig {
    /// Checks `spec`. Relative paths are taken from `base`.
    pub fn check(spec: &MachineSpec, base: &Path) -> Result<Self, SpecError> {
        let base = Base::inherited(base);
        within("version", u64::from(spec.version), u64::from(SPEC_VERSION), u64::from(SPEC_VERSION))?;
        text("instance_id", &spec.instance_id, 128)?;
        text("launch_id", &spec.launch_id, 128)?;
        within("vcpus", u64::from(spec.vcpus), 1, u64::from(MAX_VCPUS))?;
        within("memory_mib", spec.memory_mib, MIN_MEMORY_MIB, MAX_MEMORY_MIB)?;
        within("console_log_bytes", spec.console_log_bytes, 4 << 10, 64 << 20)?;
        within("disks", spec.disks.len() as u64, 0, MAX_DISKS as u64)?;
        within("disk_limits", spec.disk_limits.len() as u64, 0, MAX_DISK_LIMITS as u64)?;
        within("nets", spec.nets.len() as u64, 0, MAX_NETS as u64)?;
        let config = Self {
            instance_id: spec.instance_id.clone(),
            launch_id: spec.launch_id.clone(),
            vcpus: spec.vcpus,
            memory_bytes: spec.memory_mib << 20,
            pluggable_bytes: pluggable(spec)?,
            kvm: source("kvm", spec.kvm.as_ref().unwrap_or(&Source::Path("/dev/kvm".into())), base)?,
            begin: Begin::check(spec, base)?,
            disks: indexed("disks", &spec.disks, |field, disk| BlockConfig::check(field, disk, base))?,
            disk_limits: indexed("disk_limits", &spec.disk_limits, limits::check)?,
            nets: indexed("nets", &spec.nets, |field, net| NetConfig::check(field, net, base))?,
            entropy: spec.entropy,
            balloon: spec.balloon,
            generation_id: spec
                .generation_id
                .as_deref()
                .map(|id| GenerationId::check("generation_id", id))
                .transpose()?,
            vsock: spec.vsock.as_ref().map(|vsock| VsockConfig::check("vsock", vsock, base)).transpose()?,
            smbios: spec.smbios.as_ref().map(SmbiosConfig::check).transpose()?,
            console_log_bytes: spec.console_log_bytes,
            die_with_parent: spec.die_with_parent,
        };
        config.ids_are_unique()?;
        config.devices_fit()?;
        Ok(config)
    }

    /// Ranges (start, bytes) of guest memory.
    pub fn mapped(&self) -> Vec<(u64, u64)> {
        layout::mapped(self.memory_bytes, self.pluggable_bytes)
    }

    /// Each device has a slot of the bus; the first is the host bridge's.
    fn devices_fit(&self) -> Result<(), SpecError> {
        let others =
            usize::from(self.entropy) + usize::from(self.balloon) + usize::from(self.vsock.is_some());
        let others = others + usize::from(self.pluggable_bytes > 0);
        let (devices, slots) = (self.disks.len() + self.nets.len() + others, SLOTS - 1);
        if devices <= slots {
            return Ok(());
        }
        Err(SpecError::new(
            "disks",
            format!("{devices} devices with the interfaces and others, the bus has {slots} slots"),
        ))
    }

    fn ids_are_unique(&self) -> Result<(), SpecError> {
        let mut seen = HashSet::new();
        let disks = self.disks.iter().map(|disk| ("disks", &disk.id));
        let nets = self.nets.iter().map(|net| ("nets", &net.id));
        match disks.chain(nets).find(|(_, id)| !seen.insert((*id).clone())) {
            Some((field, id)) => Err(SpecError::new(field, format!("the id {id} is there twice"))),
            None => Ok(()),
        }
    }
}

fn pluggable(spec: &MachineSpec) -> Result<u64, SpecError> {
    let Some(most) = spec.memory_max_mib else { return Ok(0) };
    within("memory_max_mib", most, spec.memory_mib, MAX_MEMORY_MIB)?;
    let more = most - spec.memory_mib;
    if more.is_multiple_of(PLUGGABLE_MIB) {
        return Ok(more << 20);
    }
    Err(SpecError::new("memory_max_mib", format!("memory_mib and a multiple of {PLUGGABLE_MIB}")))
}

/// Checks every element of a list under its own field name.
fn indexed<T, U>(
    field: &str,
    list: &[T],
    check: impl Fn(&str, &T) -> Result<U, SpecError>,
) -> Result<Vec<U>, SpecError> {
    list.iter().enumerate().map(|(index, item)| check(&format!("{field}[{index}]"), item)).collect()
}

/// Checks a number.
pub fn within(field: &str, value: u64, least: u64, most: u64) -> Result<(), SpecError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else if least == most {
        Err(SpecError::new(field, format!("{value} is not {least}")))
    } else {
        Err(SpecError::new(field, format!("{value} is not within {least} to {most}")))
    }
}

/// Checks a printable ASCII text of at most `most` bytes that is not empty.
pub fn text(field: &str, value: &str, most: usize) -> Result<(), SpecError> {
    let printable = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if printable && !value.is_empty() && value.len() <= most {
        Ok(())
    } else {
        Err(SpecError::new(field, format!("1 to {most} printable ASCII characters")))
    }
}

/// Checks the number of a descriptor.
pub fn descriptor(field: &str, fd: i32, base: Base<'_>) -> Result<i32, SpecError> {
    let least = base.least_fd;
    if fd >= least {
        Ok(fd)
    } else {
        Err(SpecError::new(field, format!("descriptor {fd} is not {least} or above")))
    }
}

/// Checks a source and makes its path absolute.
pub fn source(field: &str, source: &Source, base: Base<'_>) -> Result<Source, SpecError> {
    match source {
        Source::Fd(fd) => descriptor(field, *fd, base).map(Source::Fd),
        Source::Path(path) if path.is_empty() || path.contains('\0') => {
            Err(SpecError::new(field, "a path has no zero byte and is not empty"))
        }
        Source::Path(path) => Ok(Source::Path(base.folder.join(path).to_string_lossy().into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(change: impl FnOnce(&mut serde_json::Value)) -> Result<MachineConfig, SpecError> {
        let mut document = serde_json::json!({
            "version": 1, "instance_id": "i-1", "launch_id": "l-1", "vcpus": 1, "memory_mib": 64,
            "kernel": {"fd": 3}, "cmdline": "console=ttyS0",
            "disks": [{"id": "vol-1", "serial": "vol1", "layer": {"format": "raw", "source": {"path": "a.img"}}}],
            "nets": [{"id": "eni-1", "mac": "02:00:00:00:00:01", "tap": {"name": "tap0"}}],
        });
        change(&mut document);
        MachineConfig::check(&serde_json::from_value(document).unwrap(), Path::new("/base"))
    }

    #[test]
    fn a_right_spec_passes_and_its_paths_are_absolute() {
        let config = spec(|_| ()).unwrap();
        assert_eq!(config.memory_bytes, 64 << 20);
        assert_eq!(config.disks[0].layers[0].source, Source::Path("/base/a.img".into()));
    }

    #[test]
    fn every_broken_rule_is_named_with_its_field() {
        let field = |change: fn(&mut serde_json::Value)| spec(change).unwrap_err().field;
        assert_eq!(field(|s| s["version"] = 2.into()), "version");
        assert_eq!(field(|s| s["vcpus"] = 0.into()), "vcpus");
        assert_eq!(field(|s| s["vcpus"] = 65.into()), "vcpus");
        assert_eq!(field(|s| s["memory_mib"] = 63.into()), "memory_mib");
        assert_eq!(field(|s| s["memory_max_mib"] = 63.into()), "memory_max_mib");
        assert_eq!(field(|s| s["memory_max_mib"] = 128.into()), "memory_max_mib");
        assert_eq!(field(|s| s["kernel"]["fd"] = 2.into()), "kernel");
        assert_eq!(field(|s| s["kernel"] = serde_json::Value::Null), "kernel");
        assert_eq!(
            field(|s| s["restore"] = serde_json::json!({"state": {"fd": 7}, "memory": {"fd": 8}})),
            "restore"
        );
        assert_eq!(field(|s| s["cmdline"] = "x".repeat(2048).into()), "cmdline");
        assert_eq!(field(|s| s["disks"][0]["serial"] = "x".repeat(21).into()), "disks[0].serial");
        assert_eq!(field(|s| s["nets"][0]["mac"] = "02:00".into()), "nets[0].mac");
        assert_eq!(field(|s| s["nets"][0]["mac"] = "03:00:00:00:00:01".into()), "nets[0].mac");
        assert_eq!(field(|s| s["nets"][0]["id"] = "vol-1".into()), "nets");
    }

    #[test]
    fn more_devices_than_slots_are_refused() {
        let fill = |disks: usize, nets: usize| {
            spec(move |s| {
                let (disk, net) = (s["disks"][0].clone(), s["nets"][0].clone());
                let many = |one: &serde_json::Value, count: usize| {
                    let named = |index: usize| {
                        let mut one = one.clone();
                        one["id"] = format!("{}{index}", one["id"]).into();
                        one
                    };
                    (0..count).map(named).collect::<Vec<_>>().into()
                };
                (s["disks"], s["nets"]) = (many(&disk, disks), many(&net, nets));
                s["vsock"] = serde_json::json!({"cid": 3});
            })
        };
        assert!(fill(22, 7).is_ok());
        assert_eq!(fill(22, 8).unwrap_err().field, "disks");
        assert_eq!(fill(23, 0).unwrap_err().field, "disks");
    }

    #[test]
    fn only_an_overlay_can_have_layers_beneath() {
        let error =
            spec(|s| s["disks"][0]["backing"] = serde_json::json!([{"format": "raw", "source": {"fd": 4}}]));
        assert_eq!(error.unwrap_err().field, "disks[0].backing");
    }
}
