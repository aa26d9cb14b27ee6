//! Making the kernel hold what is wanted, part by part: the host, the edge, each VPC. Each part is compared as a whole
//! every time, so what somebody altered meanwhile is repaired by the same work that follows a wish.

pub mod edge;
pub mod firewall;
pub mod found;
mod found_v6;
pub mod host;
mod links;
pub mod teardown;
pub mod validate;
pub mod vpc;

use crate::error::NetError;
use crate::sys::NetNs;

/// The namespace of that name: the one that is held if there is one, given its name back if somebody took it away; else
/// the one that is there; else a new one.
pub fn namespace(held: Option<&NetNs>, name: &str, changes: &mut Vec<String>) -> Result<NetNs, NetError> {
    if let Some(ns) = held {
        if !ns.is_named() {
            ns.rename_back()?;
            changes.push(format!("namespace {name} named again"));
        }
        return Ok(ns.clone());
    }
    if let Some(ns) = NetNs::open(name)? {
        return Ok(ns);
    }
    let ns = NetNs::create(name)?;
    changes.push(format!("namespace {name} made"));
    Ok(ns)
}
