//! Any bytes as user data: opened, judged, read, written, and what is written must read the same.
#![no_main]

use cumulet_cloud_init_config::{CloudConfig, UserData, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    validate(bytes);
    let Ok(data) = UserData::parse(bytes) else { return };
    let again = UserData::parse(&data.render()).expect("what was parsed and rendered parses");
    assert_eq!(again.parts.len(), data.parts.len());
    let (config, _) = CloudConfig::from_parts(&data.parts);
    // Not compared: a NaN in it isn't equal to itself.
    CloudConfig::parse(config.to_yaml().as_bytes()).expect("what was rendered parses");
});
