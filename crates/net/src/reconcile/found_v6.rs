//! What of the host's IPv6 we change for all, as it was before us: whether it forwards, and which links take advertisements
//! of routers only as long as it does not.
//!
//! It is kept in the folder of [`super::found`], from the first VPC that has IPv6 until the last installation leaves. A
//! host that never had such a VPC is not touched.

use std::fs;
use std::path::Path;

use crate::config::NetConfig;
use crate::error::NetError;
use crate::sys::{NetNs, sysctl};

const FORWARD: &str = "ipv6/conf/all/forwarding";
/// The name of the file.
pub const FILE: &str = "found-v6";
/// Advertisements are taken unless the host forwards; taken all the same.
const UNLESS_FORWARDING: &str = "1";
const ALWAYS: &str = "2";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    forwarding: String,
    links: Vec<String>,
    /// Names of the tables that `ip6tables-save` showed.
    pub tables: Vec<String>,
}

impl Found {
    fn write(&self) -> String {
        format!("{}\n{}\n{}\n", self.forwarding, self.links.join(" "), self.tables.join(" "))
    }

    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let forwarding = lines.next().unwrap_or_default().to_owned();
        let mut words = || -> Vec<String> {
            lines.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        Self { forwarding, links: words(), tables: words() }
    }
}

/// Notes what is there, unless that was done before. To be called before anything of the host's IPv6 is touched.
pub async fn note(host: &NetNs, config: &NetConfig, tables: Vec<String>) -> Result<(), NetError> {
    let file = config.host_record.join(FILE);
    host.run(move || note_here(&file, tables)).await.flatten()
}

fn note_here(file: &Path, tables: Vec<String>) -> Result<(), NetError> {
    let Some(forwarding) = sysctl::read(FORWARD)? else { return Ok(()) };
    if file.exists() {
        return Ok(());
    }
    let links = if forwarding == "1" { vec![] } else { learning_links()? };
    let found = Found { forwarding, links, tables };
    fs::write(file, found.write()).map_err(NetError::io(format!("write {}", file.display())))
}

/// Lets the host forward packets of IPv6, and go on to learn its own way out from its routers.
pub async fn enable_forwarding(
    host: &NetNs,
    config: &NetConfig,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let file = config.host_record.join(FILE);
    if host.run(move || enable_here(&file)).await.flatten()? {
        changes.push(format!("host: net/{FORWARD} = 1"));
    }
    Ok(())
}

fn enable_here(file: &Path) -> Result<bool, NetError> {
    let Ok(text) = fs::read_to_string(file) else { return Ok(false) };
    for link in Found::read(&text).links {
        if sysctl::read(&accept(&link))?.as_deref() == Some(UNLESS_FORWARDING) {
            sysctl::ensure(&accept(&link), ALWAYS)?;
        }
    }
    sysctl::ensure(FORWARD, "1")
}

/// Puts settings back as they were found and gives what was; to be called when the last installation leaves.
pub fn put_back_here(folder: &Path) -> Result<Option<Found>, NetError> {
    let file = folder.join(FILE);
    let Ok(text) = fs::read_to_string(&file) else { return Ok(None) };
    let found = Found::read(&text);
    sysctl::ensure(FORWARD, &found.forwarding)?;
    for link in &found.links {
        if sysctl::read(&accept(link))?.as_deref() == Some(ALWAYS) {
            sysctl::ensure(&accept(link), UNLESS_FORWARDING)?;
        }
    }
    fs::remove_file(&file).map_err(NetError::io(format!("remove {}", file.display())))?;
    Ok(Some(found))
}

/// The links that would stop to listen to routers.
fn learning_links() -> Result<Vec<String>, NetError> {
    let listed = fs::read_dir("/proc/sys/net/ipv6/conf").map_err(NetError::io("list the links with IPv6"))?;
    let names = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut links = Vec::new();
    for name in names {
        if sysctl::read(&accept(&name))?.as_deref() == Some(UNLESS_FORWARDING) {
            links.push(name);
        }
    }
    Ok(links)
}

fn accept(link: &str) -> String {
    format!("ipv6/conf/{link}/accept_ra")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_read_as_written() {
        for links in [vec![], vec!["eth0".to_owned(), "default".to_owned()]] {
            let found = Found { forwarding: "0".to_owned(), links, tables: vec!["nat".to_owned()] };
            assert_eq!(Found::read(&found.write()), found);
        }
    }
}
