//! The SMBIOS strings by which a guest knows that it runs on EC2 (EC2 guide, "Identify EC2 instances"): a product
//! UUID that begins with `ec2`, the same as serial number, and Amazon's name as vendor.

use cumulet_model::InstanceId;
use cumulet_vmm_protocol::Smbios;
use sha2::{Digest, Sha256};

/// The strings of an instance; they stay the same over its life.
pub(crate) fn strings(id: &InstanceId, instance_type: &str) -> Smbios {
    let uuid = product_uuid(id);
    Smbios {
        product_serial: uuid.clone(),
        product_uuid: uuid,
        sys_vendor: "Amazon EC2".into(),
        product_name: instance_type.into(),
        bios_vendor: "Amazon EC2".into(),
        bios_version: "1.0".into(),
        chassis_asset_tag: "Amazon EC2".into(),
        board_asset_tag: id.to_string(),
    }
}

fn product_uuid(id: &InstanceId) -> String {
    let digits: String = Sha256::digest(id.as_str()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "ec2{}-{}-{}-{}-{}",
        &digits[..5],
        &digits[5..9],
        &digits[9..13],
        &digits[13..17],
        &digits[17..29]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uuid_has_its_form_and_differs_between_instances() {
        let mut rng = rand::rng();
        let (a, b) = (InstanceId::random(&mut rng), InstanceId::random(&mut rng));
        assert!(product_uuid(&a).starts_with("ec2"));
        assert_eq!(product_uuid(&a).len(), 36);
        assert_ne!(product_uuid(&a), product_uuid(&b));
        assert_eq!(product_uuid(&a), product_uuid(&a));
    }
}
