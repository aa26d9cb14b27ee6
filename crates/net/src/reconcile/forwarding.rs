//! The host's `net.ipv4.ip_forward`, which guests' way out needs, and its value from before us.
//!
//! Installations share a folder: the file `ip_forward` holds the value that the first of them found, and each has an
//! empty file with its tag. The last one to leave puts the value back.

use std::fs::{self, File};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use crate::config::{NetConfig, Tag};
use crate::error::NetError;
use crate::sys::{NetNs, sysctl};

const KEY: &str = "ipv4/ip_forward";
const FOUND: &str = "ip_forward";

/// Notes the value that is there, unless it was noted before, and enables forwarding.
pub async fn enable(host: &NetNs, config: &NetConfig, changes: &mut Vec<String>) -> Result<(), NetError> {
    let (folder, tag) = (config.host_record.clone(), config.tag.clone());
    let enabled = host.run(move || enable_here(&folder, &tag)).await.flatten()?;
    if enabled {
        changes.push("host: net/ipv4/ip_forward = 1".to_owned());
    }
    Ok(())
}

/// Puts back the value that the first installation found, if this is the last one.
pub async fn restore(host: &NetNs, config: &NetConfig) -> Result<(), NetError> {
    let (folder, tag) = (config.host_record.clone(), config.tag.clone());
    host.run(move || restore_here(&folder, &tag)).await.flatten()
}

fn enable_here(folder: &Path, tag: &Tag) -> Result<bool, NetError> {
    fs::create_dir_all(folder).map_err(NetError::io(format!("make {}", folder.display())))?;
    let _lock = lock(folder)?;
    let mark = folder.join(format!("tag-{tag}"));
    if !mark.exists() {
        let found = folder.join(FOUND);
        if !found.exists() {
            let value = sysctl::read(KEY)?.unwrap_or_default();
            fs::write(&found, value).map_err(NetError::io(format!("write {}", found.display())))?;
        }
        File::create(&mark).map_err(NetError::io(format!("make {}", mark.display())))?;
    }
    sysctl::ensure(KEY, "1")
}

fn restore_here(folder: &Path, tag: &Tag) -> Result<(), NetError> {
    if !folder.join(format!("tag-{tag}")).exists() {
        return Ok(());
    }
    let _lock = lock(folder)?;
    let remove = |name: &str| {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(NetError::io(format!("remove {}", path.display())))
    };
    remove(&format!("tag-{tag}"))?;
    let others = fs::read_dir(folder).map_err(NetError::io(format!("list {}", folder.display())))?;
    if others.filter_map(Result::ok).any(|entry| entry.file_name().to_string_lossy().starts_with("tag-")) {
        return Ok(());
    }
    let value = fs::read_to_string(folder.join(FOUND)).map_err(NetError::io("read the former ip_forward"))?;
    sysctl::ensure(KEY, value.trim())?;
    remove(FOUND)?;
    // Somebody may have come meanwhile and put a file in it; then it stays.
    let _ = fs::remove_dir(folder);
    Ok(())
}

fn lock(folder: &Path) -> Result<Flock<File>, NetError> {
    let file = File::open(folder).map_err(NetError::io(format!("open {}", folder.display())))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| NetError::errno(format!("lock {}", folder.display()))(errno))
}
