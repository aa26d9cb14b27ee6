//! A volume's type and figures in requests.

use cumulet_model::volume_type::VolumeType;
use cumulet_model::{CloudError, Gib};

use crate::query::Params;

/// The largest volume, EC2's limit of all types.
const MAX_GIB: u64 = 65_536;

/// What a request says of a volume's type.
pub struct Figures {
    /// Type.
    pub kind: Option<VolumeType>,
    /// Operations a second.
    pub iops: Option<u32>,
    /// MiB a second.
    pub throughput: Option<u32>,
}

/// Reads `VolumeType`, `Iops` and `Throughput`.
pub fn read(params: &Params<'_>) -> Result<Figures, CloudError> {
    Ok(Figures {
        kind: params.word("VolumeType", VolumeType::ALL)?,
        iops: params.number("Iops")?,
        throughput: params.number("Throughput")?,
    })
}

/// Reads a size in GiB within the bounds of all types.
pub fn size(params: &Params<'_>, name: &str) -> Result<Option<Gib>, CloudError> {
    let size = params.number::<u64>(name)?;
    if let Some(size) = size.filter(|size| !(1..=MAX_GIB).contains(size)) {
        return Err(params.invalid(name, &size.to_string(), &format!("a volume has 1 to {MAX_GIB} GiB")));
    }
    Ok(size.map(Gib))
}

/// Refuses what volumes here do not have: encryption, and attachment to several instances.
pub fn refuse_switched_on(params: &Params<'_>) -> Result<(), CloudError> {
    for (name, why) in [
        ("Encrypted", "is not supported: this cloud has no encrypted volumes yet"),
        ("MultiAttachEnabled", "is not supported: a volume here is attached to one instance at most"),
    ] {
        if params.flag(name)? == Some(true) {
            return Err(params.unsupported(name, why));
        }
    }
    Ok(())
}
