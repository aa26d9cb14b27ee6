//! The root file system grows to the size of its disk. There is no partition table in between.

use crate::context::Context;
use crate::error::ActionError;

/// Every boot: the disk may have grown while the instance was stopped.
pub fn root(context: &mut Context) -> Result<(), ActionError> {
    let system = &context.system;
    // It asks the mounted file system itself. resize2fs opens the disk, which kernels without
    // CONFIG_BLK_DEV_WRITE_MOUNTED refuse while it is mounted.
    if system.tool("systemd-growfs").is_some() {
        return system.run("systemd-growfs", &["/"]).map(|_| ());
    }
    if system.tool("resize2fs").is_none() {
        return Ok(());
    }
    let device = context.settings.root_device.clone();
    let mounts = system.read_text("/proc/mounts").unwrap_or_default();
    let is_ext = |line: &str| {
        let mut columns = line.split_whitespace();
        let (source, folder) = (columns.next(), columns.next());
        let root = folder == Some("/") && (source == Some("/dev/root") || source == Some(device.as_str()));
        root && columns.next().is_some_and(|kind| kind.starts_with("ext"))
    };
    if !mounts.lines().any(is_ext) {
        return Ok(());
    }
    system.run("resize2fs", &[&device]).map(|_| ())
}
