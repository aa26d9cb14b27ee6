//! Block device mappings of a launch.

use cumulet_model::CloudError;
use cumulet_model::volume::{BlockDeviceMapping, EbsBlockDevice};

use super::figures;
use crate::call::Call;
use crate::query::Params;

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
    ebs.refuse(&["KmsKeyId", "OutpostArn"])?;
    figures::refuse_switched_on(&ebs)?;
    if ebs.number::<u32>("VolumeInitializationRate")?.is_some() {
        let name = ebs.name_of("VolumeInitializationRate");
        call.warn(format!("{name}: a volume here is whole from its first moment on"));
    }
    let (size, figures) = (figures::size(&ebs, "VolumeSize")?, figures::read(&ebs)?);
    let delete_on_termination = ebs.flag("DeleteOnTermination")?;
    let ebs = EbsBlockDevice {
        size,
        delete_on_termination,
        kind: figures.kind,
        iops: figures.iops,
        throughput: figures.throughput,
        snapshot_id: ebs.id("SnapshotId")?,
    };
    Ok(BlockDeviceMapping { device_name, ebs: Some(ebs) })
}
