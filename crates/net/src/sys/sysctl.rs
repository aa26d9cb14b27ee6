//! Kernel settings below `/proc/sys/net`, of the calling thread's namespace.

use std::fs;
use std::io::ErrorKind;

use crate::error::NetError;

/// Reads `net.KEY`, where the key has slashes: `ipv4/ip_forward`. `None` if this kernel has no such setting.
pub fn read(key: &str) -> Result<Option<String>, NetError> {
    match fs::read_to_string(path(key)) {
        Ok(value) => Ok(Some(value.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(NetError::io(format!("read net/{key}"))(error)),
    }
}

/// Makes `net.KEY` hold `value`; `true` if it held something else. A setting that this kernel lacks (IPv6 built
/// without) is passed over.
pub fn ensure(key: &str, value: &str) -> Result<bool, NetError> {
    match read(key)? {
        Some(held) if held != value => {
            fs::write(path(key), value).map_err(NetError::io(format!("write {value} to net/{key}")))?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn path(key: &str) -> String {
    format!("/proc/sys/net/{key}")
}
