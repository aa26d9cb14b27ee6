//! Users and groups from `/etc/passwd` and `/etc/group`. A statically linked program can't ask the name service.

use cumulet_agent_protocol::{Failure, FailureCode};

use crate::System;

/// A user with all groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The own group's id.
    pub gid: u32,
    /// All groups' ids.
    pub groups: Vec<u32>,
    /// The home directory.
    pub home: String,
    /// The login shell.
    pub shell: String,
}

/// The user of that name or number. A number that no user has is a user without a name.
pub fn find(system: &System, asked: &str) -> Result<User, Failure> {
    let passwd = system.read_text("/etc/passwd").unwrap_or_default();
    let number: Option<u32> = asked.parse().ok();
    let found = passwd.lines().find_map(|line| {
        let columns: Vec<_> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = columns.as_slice() else { return None };
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        let is_it = if let Some(number) = number { uid == number } else { *name == asked };
        is_it.then(|| User {
            name: (*name).to_owned(),
            uid,
            gid,
            groups: Vec::new(),
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
        })
    });
    let nameless = || {
        let uid = number.filter(|uid| *uid != u32::MAX)?;
        let name = asked.to_owned();
        Some(User { name, uid, gid: uid, groups: vec![], home: "/".into(), shell: "/bin/sh".into() })
    };
    let root = || {
        let (name, home) = ("root".to_owned(), "/root".to_owned());
        (asked == "root").then(|| User {
            name,
            uid: 0,
            gid: 0,
            groups: vec![],
            home,
            shell: "/bin/sh".into(),
        })
    };
    let mut user = found.or_else(nameless).or_else(root).ok_or_else(|| {
        Failure::new(FailureCode::NotFound, format!("there is no user {asked:?} in the guest"))
    })?;
    user.groups = groups_of(system, &user);
    Ok(user)
}

fn groups_of(system: &System, user: &User) -> Vec<u32> {
    let text = system.read_text("/etc/group").unwrap_or_default();
    let mut groups = vec![user.gid];
    for line in text.lines() {
        let columns: Vec<_> = line.split(':').collect();
        let [_, _, gid, members] = columns.as_slice() else { continue };
        if members.split(',').any(|member| member == user.name)
            && let Ok(gid) = gid.parse()
            && !groups.contains(&gid)
        {
            groups.push(gid);
        }
    }
    groups
}

/// The owner that `USER`, `USER:GROUP` or `:GROUP` names.
pub fn owner(system: &System, text: &str) -> Result<cumulet_file_tree::Owner, Failure> {
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let user = if user.is_empty() { None } else { Some(find(system, user)?) };
    let gid = match group {
        None | Some("") => user.as_ref().map(|user| user.gid),
        Some(name) => Some(group_id(system, name)?),
    };
    Ok(cumulet_file_tree::Owner { uid: user.map(|user| user.uid), gid })
}

fn group_id(system: &System, asked: &str) -> Result<u32, Failure> {
    let text = system.read_text("/etc/group").unwrap_or_default();
    let named = text.lines().find_map(|line| {
        let mut columns = line.split(':');
        let name = columns.next()?;
        let gid = columns.nth(1)?.parse().ok()?;
        (name == asked).then_some(gid)
    });
    let none = || Failure::new(FailureCode::NotFound, format!("there is no group {asked:?} in the guest"));
    named.or_else(|| asked.parse().ok().filter(|gid| *gid != u32::MAX)).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system() -> (tempfile::TempDir, System) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let system = System::below(folder.path());
        let passwd = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1001:Ann:/home/ann:/bin/zsh\nbroken\n";
        system.write("/etc/passwd", passwd.as_bytes(), 0o644).unwrap();
        let group = "root:x:0:\nann:x:1001:\nadm:x:4:bob,ann\nsudo:x:27:annabel\n";
        system.write("/etc/group", group.as_bytes(), 0o644).unwrap();
        (folder, system)
    }

    #[test]
    fn a_user_is_found_by_name_or_number_with_all_groups() {
        let (_folder, system) = system();
        let ann = find(&system, "ann").unwrap();
        assert_eq!((ann.uid, ann.gid, ann.home.as_str()), (1000, 1001, "/home/ann"));
        assert_eq!(ann.groups, [1001, 4]);
        assert_eq!(find(&system, "1000").unwrap(), ann);
        assert_eq!(find(&system, "77").unwrap().groups, [77]);
        for nobody in ["bob", "", "4294967295", "-1", "broken"] {
            assert_eq!(find(&system, nobody).unwrap_err().code, FailureCode::NotFound, "{nobody}");
        }
    }

    #[test]
    fn an_owner_is_a_user_a_group_or_both() {
        let (_folder, system) = system();
        let of = |text: &str| owner(&system, text).map(|owner| (owner.uid, owner.gid));
        assert_eq!(of("ann"), Ok((Some(1000), Some(1001))));
        assert_eq!(of("ann:adm"), Ok((Some(1000), Some(4))));
        assert_eq!(of(":27"), Ok((None, Some(27))));
        assert!(of("nobody").is_err() && of("ann:nobody").is_err());
    }

    #[test]
    fn root_is_there_even_without_a_list_of_users() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(&System::below(folder.path()), "root").unwrap().uid, 0);
    }
}
