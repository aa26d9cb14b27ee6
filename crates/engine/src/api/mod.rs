//! What callers ask of the cloud and what they are answered: the inner forms, which both APIs decode into. Each part
//! of the cloud has its file here; the operations themselves are methods of [`crate::Cloud`].

pub mod acl;
pub mod address;
pub mod flow_log;
pub mod image;
pub mod insights;
pub mod instance;
pub mod interface;
pub mod key;
pub mod prefix_list;
pub mod security;
pub mod volume;
pub mod vpc;
