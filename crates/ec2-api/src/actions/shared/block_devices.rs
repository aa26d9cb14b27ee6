//! Block device mappings of a launch.

use cumulet_model::volume::{BlockDeviceMapping, EbsBlockDevice};
use cumulet_model::{CloudError, Gib};

use crate::call::Call;
use crate::query::Params;
use crate::resources::volume::VOLUME_TYPE;

/// The largest volume, EC2's limit of its general types.
const MAX_GIB: u64 = 65_536;

/// Reads `BlockDeviceMapping.N`.
pub fn read(call: &Call) -> Result<Vec<BlockDeviceMapping>, CloudError> {
    let all = call.params().structures("BlockDeviceMapping")?;
    all.iter().map(|mapping| read_one(call, mapping)).collect()
}

fn read_one(call: &Call, mapping: &Params<'_>) -> Result<BlockDeviceMapping, CloudError> {
    let device_name = mapping.required("DeviceName")?.to_owned();
    mapping.refuse(&["VirtualName"])?;
    // `NoDevice` is a flag by being there: its value is empty.
    if mapping.raw("NoDevice").is_some() {
        return Ok(BlockDeviceMapping { device_name, ebs: None });
    }
    let ebs = mapping.structure("Ebs");
    ebs.refuse(&["SnapshotId", "KmsKeyId", "OutpostArn"])?;
    if ebs.flag("Encrypted")? == Some(true) {
        return Err(ebs.unsupported("Encrypted", "is not supported: this cloud has no encrypted volumes yet"));
    }
    let size = ebs.number::<u64>("VolumeSize")?;
    if let Some(size) = size.filter(|size| !(1..=MAX_GIB).contains(size)) {
        let rule = format!("a volume has 1 to {MAX_GIB} GiB");
        return Err(ebs.invalid("VolumeSize", &size.to_string(), &rule));
    }
    warn_of_figures(call, &ebs)?;
    let delete_on_termination = ebs.flag("DeleteOnTermination")?;
    Ok(BlockDeviceMapping {
        device_name,
        ebs: Some(EbsBlockDevice { size: size.map(Gib), delete_on_termination, ..EbsBlockDevice::default() }),
    })
}

/// Volume types and their figures are taken, as every client gives them, but all volumes are alike: say so.
fn warn_of_figures(call: &Call, ebs: &Params<'_>) -> Result<(), CloudError> {
    const TYPES: &[(&str, &str)] = &[
        ("gp2", "gp2"),
        ("gp3", "gp3"),
        ("io1", "io1"),
        ("io2", "io2"),
        ("sc1", "sc1"),
        ("st1", "st1"),
        (VOLUME_TYPE, VOLUME_TYPE),
    ];
    if let Some(kind) = ebs.word("VolumeType", TYPES)?.filter(|kind| *kind != VOLUME_TYPE) {
        let name = ebs.name_of("VolumeType");
        call.warn(format!("{name}: all volumes here are of type {VOLUME_TYPE}, {kind} makes no difference"));
    }
    for name in ["Iops", "Throughput", "VolumeInitializationRate"] {
        if ebs.number::<u32>(name)?.is_some() {
            call.warn(format!("{}: volumes here have no such limit", ebs.name_of(name)));
        }
    }
    Ok(())
}
