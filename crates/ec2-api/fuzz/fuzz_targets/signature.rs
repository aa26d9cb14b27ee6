//! A client's claims, in the header and in the query, with any bytes: the first line is the query, each further one a
//! header. `cargo fuzz run signature`.
#![no_main]

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use cumulet_ec2_api::query::decode_pairs;
use cumulet_ec2_api::sigv4::{Presented, Signed, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let query = decode_pairs(lines.next().unwrap_or_default()).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for line in lines.take(100) {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(&line[at + 1..]))
        {
            headers.append(name, value);
        }
    }
    let Ok(presented) = Presented::read(&headers, &query) else { return };
    let request = Signed { method: "POST", query: &query, headers: &headers, body: b"" };
    assert!(verify(&presented, &request, Some("a secret that no input knows")).is_err());
});
