//! What was done already: a folder per instance id, with an empty file for each thing that is done once.

use crate::error::ActionError;
use crate::system::System;

const STATE: &str = "/var/lib/cumulet/firstboot";

/// The instance as this disk knows it.
#[derive(Debug, Clone)]
pub struct Instance {
    id: String,
    /// The instance that this disk belonged to at its last boot.
    previous: Option<String>,
}

impl Instance {
    /// Recognises the instance. The id comes from the network and becomes a folder's name, so its form is checked.
    pub fn recognise(system: &System, id: &str) -> Result<Self, ActionError> {
        let valid =
            !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !valid {
            return Err(ActionError::Refused(
                "the metadata service gave an instance id of a strange form".to_owned(),
            ));
        }
        let previous =
            system.read_text(&format!("{STATE}/instance-id")).ok().map(|text| text.trim().to_owned());
        Ok(Self { id: id.to_owned(), previous: previous.filter(|p| !p.is_empty()) })
    }

    /// The instance's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the disk was another instance's before, so that its identity must be replaced.
    pub fn was_another(&self) -> bool {
        self.previous.as_ref().is_some_and(|previous| *previous != self.id)
    }

    /// Remembers that this disk is this instance's now.
    pub fn remember(&self, system: &System) -> Result<(), ActionError> {
        system.make_folder(&self.folder(), 0o700)?;
        system.write(&format!("{STATE}/instance-id"), format!("{}\n", self.id).as_bytes(), 0o644)
    }

    /// The instance's own folder.
    pub fn folder(&self) -> String {
        format!("{STATE}/{}", self.id)
    }

    /// Claims something that is done once per instance: true the first time. It is claimed before it is done, as
    /// cloud-init does: what crashes the machine isn't tried again at each boot.
    pub fn claim(&self, system: &System, what: &str) -> Result<bool, ActionError> {
        claim(system, &format!("{}/done", self.folder()), what)
    }

    /// Claims something that is done once in the life of the disk.
    pub fn claim_for_disk(&self, system: &System, what: &str) -> Result<bool, ActionError> {
        claim(system, &format!("{STATE}/once"), what)
    }
}

fn claim(system: &System, folder: &str, what: &str) -> Result<bool, ActionError> {
    system.make_folder(folder, 0o700)?;
    let name: String =
        what.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let path = system.path(folder).join(name);
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(ActionError::Io { verb: "make", path, source: error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_claimed_once_per_instance() {
        let folder = tempfile::tempdir().unwrap();
        let system = System::new(folder.path());
        let first = Instance::recognise(&system, "i-1").unwrap();
        first.remember(&system).unwrap();
        assert!(first.claim(&system, "keys").unwrap());
        assert!(!Instance::recognise(&system, "i-1").unwrap().claim(&system, "keys").unwrap());
        let second = Instance::recognise(&system, "i-2").unwrap();
        assert!(second.was_another() && !first.was_another());
        assert!(second.claim(&system, "keys").unwrap());
        assert!(second.claim_for_disk(&system, "x").unwrap() && !first.claim_for_disk(&system, "x").unwrap());
    }

    #[test]
    fn an_id_that_is_a_path_is_refused() {
        let system = System::new("/nonexistent");
        for id in ["", "../x", "a/b", "i-1\n"] {
            assert!(Instance::recognise(&system, id).is_err(), "{id:?}");
        }
    }
}
