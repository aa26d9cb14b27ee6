//! The document's fields, in EC2's names (EC2 guide, "Instance identity documents").

use serde::Serialize;

use crate::source::InstanceMetadata;

/// Who an instance is. What doesn't apply is null and stays in the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The account, 12 digits.
    pub account_id: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The zone.
    pub availability_zone: String,
    /// Always null here.
    pub billing_products: Option<Vec<String>>,
    /// Always null here.
    pub devpay_product_codes: Option<Vec<String>>,
    /// Always null here.
    pub marketplace_product_codes: Option<Vec<String>>,
    /// The machine image.
    pub image_id: String,
    /// The instance.
    pub instance_id: String,
    /// Its type.
    pub instance_type: String,
    /// Its kernel.
    pub kernel_id: Option<String>,
    /// When it was last launched or started, as `2026-01-02T03:04:05Z`.
    pub pending_time: String,
    /// Its private address.
    pub private_ip: Option<String>,
    /// Its ramdisk.
    pub ramdisk_id: Option<String>,
    /// The region.
    pub region: String,
    /// The form of the document.
    pub version: &'static str,
}

impl Document {
    /// The document of an instance. It changes only with the facts in it.
    pub fn of(facts: &InstanceMetadata) -> Self {
        let instance = &facts.instance;
        Self {
            account_id: facts.account_id.clone(),
            architecture: facts.architecture.clone(),
            availability_zone: instance.zone.clone(),
            billing_products: None,
            devpay_product_codes: None,
            marketplace_product_codes: None,
            image_id: instance.image_id.to_string(),
            instance_id: instance.id.to_string(),
            instance_type: instance.instance_type.clone(),
            kernel_id: instance.kernel_id.as_ref().map(ToString::to_string),
            pending_time: instance.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            private_ip: instance.primary_interface().map(|interface| interface.private_ip.to_string()),
            ramdisk_id: instance.ramdisk_id.as_ref().map(ToString::to_string),
            region: facts.region.name.clone(),
            version: "2017-09-30",
        }
    }

    /// The bytes that are served and signed.
    pub fn to_json(&self) -> String {
        // Strings and options can't fail to serialize.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
