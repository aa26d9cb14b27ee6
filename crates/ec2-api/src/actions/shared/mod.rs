//! What several actions have in common.

pub mod acls;
pub mod addresses;
pub mod block_devices;
pub mod credits;
pub mod encoding;
pub mod figures;
pub mod groups;
pub mod instances;
pub mod metadata_options;
pub mod prefix_lists;
pub mod ranges;
pub mod routes;
pub mod rules;
pub mod zone;
