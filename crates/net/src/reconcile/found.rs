//! What of the host we change for all, as it was before us: `net.ipv4.ip_forward`, and which of iptables' tables were
//! there.
//!
//! Installations share a folder: the file `found` holds what the first of them found, and each has an empty file with
//! its tag. The last one to leave puts things back.

use std::fs::{self, File};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use super::found_v6;
use crate::config::{NetConfig, Tag};
use crate::error::NetError;
use crate::family::Family;
use crate::firewall::Ruleset;
use crate::sys::{NetNs, command, sysctl};

const FORWARD: &str = "ipv4/ip_forward";
const FILE: &str = "found";

/// What the first installation found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Value of `net.ipv4.ip_forward`.
    pub forwarding: String,
    /// Names of the tables that `iptables-save` showed.
    pub tables: Vec<String>,
}

impl Found {
    fn write(&self) -> String {
        format!("{}\n{}\n", self.forwarding, self.tables.join(" "))
    }

    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let forwarding = lines.next().unwrap_or_default().to_owned();
        let tables = lines.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        Self { forwarding, tables }
    }
}

/// Notes what is there, unless that was done before. To be called before anything of the host is touched.
pub async fn note(host: &NetNs, config: &NetConfig, rules: &Ruleset) -> Result<(), NetError> {
    let (folder, tag) = (config.host_record.clone(), config.tag.clone());
    let tables = rules.tables.keys().cloned().collect();
    host.run(move || note_here(&folder, &tag, tables)).await.flatten()
}

/// Lets the host forward packets, which guests' way out needs.
pub async fn enable_forwarding(host: &NetNs, changes: &mut Vec<String>) -> Result<(), NetError> {
    if host.run(|| sysctl::ensure(FORWARD, "1")).await.flatten()? {
        changes.push(format!("host: net/{FORWARD} = 1"));
    }
    Ok(())
}

/// Puts back what the first installation found, if this is the last one.
pub async fn put_back(host: &NetNs, config: &NetConfig) -> Result<(), NetError> {
    let (folder, tag) = (config.host_record.clone(), config.tag.clone());
    let Some(found) = host.run(move || leave_here(&folder, &tag)).await.flatten()? else { return Ok(()) };
    let value = found.forwarding.clone();
    host.run(move || sysctl::ensure(FORWARD, &value)).await.flatten()?;
    remove_tables(host, Family::V4, &found.tables).await?;
    let folder = config.host_record.clone();
    let found = host
        .run(move || {
            let found = found_v6::put_back_here(&folder);
            // Somebody may have come meanwhile and put a file in it; then it stays.
            let _ = fs::remove_dir(&folder);
            found
        })
        .await
        .flatten()?;
    match found {
        Some(found) => remove_tables(host, Family::V6, &found.tables).await,
        None => Ok(()),
    }
}

/// iptables leaves the tables that it made for our rules, empty and accepting all. They do nothing, but were not there;
/// where the host has `nft`, they go.
async fn remove_tables(host: &NetNs, family: Family, found: &[String]) -> Result<(), NetError> {
    let rules = super::firewall::held_rules(host, family).await?;
    let word = if family == Family::V4 { "ip" } else { "ip6" };
    for (name, table) in rules.tables.iter().filter(|(name, _)| !found.contains(name)) {
        let idle = table
            .chains
            .values()
            .all(|chain| chain.rules.is_empty() && chain.policy.as_deref() == Some("ACCEPT"));
        if idle {
            // Without the program, or with the older kind of iptables, they stay.
            let _ = command::run(host, "nft", &["delete", "table", word, name], String::new()).await;
        }
    }
    Ok(())
}

fn note_here(folder: &Path, tag: &Tag, tables: Vec<String>) -> Result<(), NetError> {
    let mark = folder.join(mark_of(tag));
    if mark.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(NetError::io(format!("make {}", folder.display())))?;
    let _lock = lock(folder)?;
    let file = folder.join(FILE);
    if !file.exists() {
        let found = Found { forwarding: sysctl::read(FORWARD)?.unwrap_or_default(), tables };
        fs::write(&file, found.write()).map_err(NetError::io(format!("write {}", file.display())))?;
    }
    File::create(&mark).map_err(NetError::io(format!("make {}", mark.display())))?;
    Ok(())
}

/// Takes the tag's file away; gives what was found when it was the last.
fn leave_here(folder: &Path, tag: &Tag) -> Result<Option<Found>, NetError> {
    if !folder.join(mark_of(tag)).exists() {
        return Ok(None);
    }
    let _lock = lock(folder)?;
    let remove = |name: &str| {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(NetError::io(format!("remove {}", path.display())))
    };
    remove(&mark_of(tag))?;
    let others = fs::read_dir(folder).map_err(NetError::io(format!("list {}", folder.display())))?;
    if others
        .filter_map(Result::ok)
        .any(|entry| entry.file_name() != FILE && entry.file_name() != found_v6::FILE)
    {
        return Ok(None);
    }
    let text = fs::read_to_string(folder.join(FILE)).map_err(NetError::io("read what the host was like"))?;
    remove(FILE)?;
    // Somebody may have come meanwhile and put a file in it; then it stays.
    let _ = fs::remove_dir(folder);
    Ok(Some(Found::read(&text)))
}

fn mark_of(tag: &Tag) -> String {
    format!("tag-{tag}")
}

fn lock(folder: &Path) -> Result<Flock<File>, NetError> {
    let file = File::open(folder).map_err(NetError::io(format!("open {}", folder.display())))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| NetError::errno(format!("lock {}", folder.display()))(errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_read_as_written() {
        for tables in [vec![], vec!["filter".to_owned(), "nat".to_owned()]] {
            let found = Found { forwarding: "0".to_owned(), tables };
            assert_eq!(Found::read(&found.write()), found);
        }
    }

    #[test]
    fn only_the_last_to_leave_is_told_what_the_first_one_found() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("host");
        let (a, b): (Tag, Tag) = ("a".parse().unwrap(), "b".parse().unwrap());
        note_here(&folder, &a, vec!["nat".to_owned()]).unwrap();
        note_here(&folder, &b, vec!["filter".to_owned(), "nat".to_owned()]).unwrap();
        note_here(&folder, &a, vec![]).unwrap();
        assert_eq!(leave_here(&folder, &a).unwrap(), None);
        assert_eq!(leave_here(&folder, &a).unwrap(), None, "it left before");
        assert_eq!(leave_here(&folder, &b).unwrap().unwrap().tables, ["nat"]);
        assert!(!folder.exists());
    }
}
