//! What `cumulet-firstboot` remembers: which instance the disk is, and what was done for it once. A fork has its source's
//! first boot behind it, so that is carried over to its own id; else it would be done again at the next boot.

use std::fs;

use super::{Step, cannot};
use crate::System;

const STATE: &str = "/var/lib/cumulet/firstboot";
const CURRENT: &str = "/var/lib/cumulet/firstboot/instance-id";

/// Carries what was done over to the instance's id. Without such a program in the image there is nothing to do.
pub fn remember(system: &System, id: &str) -> Step {
    if !is_id(id) {
        return Err("the instance's id is of a strange form".to_owned());
    }
    let Ok(previous) = system.read_text(CURRENT) else { return Ok(()) };
    let previous = previous.trim();
    if previous == id || !is_id(previous) {
        return Ok(());
    }
    let done = format!("{STATE}/{id}/done");
    fs::create_dir_all(system.path(&done)).map_err(cannot("make the instance's folder"))?;
    if let Ok(entries) = fs::read_dir(system.path(&format!("{STATE}/{previous}/done"))) {
        for entry in entries.flatten() {
            let to = system.path(&done).join(entry.file_name());
            fs::write(to, "").map_err(cannot("note what was done"))?;
        }
    }
    system.write(CURRENT, format!("{id}\n").as_bytes(), 0o644).map_err(cannot("note the instance's id"))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
