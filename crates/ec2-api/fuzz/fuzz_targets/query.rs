//! A request's form: decoding, the tree, and typed reading of it, with any bytes. `cargo fuzz run query`.
#![no_main]

use cumulet_ec2_api::query::{Query, decode_pairs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|form: &[u8]| {
    let Ok(pairs) = decode_pairs(form) else { return };
    let Ok(query) = Query::new(pairs) else { return };
    let params = query.params();
    for name in ["Filter", "InstanceId", "A"] {
        let _ = params.values(name);
        let _ = params.flag(name);
        let _ = params.number::<u32>(name);
        for inner in params.structures(name).unwrap_or_default() {
            let _ = inner.values("Value");
            let _ = inner.structure("Ebs").number::<u64>("VolumeSize");
        }
    }
    let _ = query.unread();
});
