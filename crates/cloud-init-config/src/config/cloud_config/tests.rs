//! Reading what people write, and that writing and reading are inverse.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::config::{
    Chpasswd, Encoding, FileContent, GrowMode, PasswordEntry, PowerDelay, PowerMode, Secret, User,
};

#[test]
fn the_many_forms_of_users_and_groups_are_read() {
    let text = "users:\n  - default\n  - ann\n  - {name: bob, groups: 'a, b', sudo: false, uid: '1001'}\n\
                groups: [adm, {ops: [ann, bob]}]\n";
    let (config, warnings) = CloudConfig::parse(text.as_bytes()).unwrap();
    assert_eq!(warnings, []);
    let users = config.users.unwrap();
    assert_eq!(users.len(), 3);
    let UserEntry::User(bob) = &users[2] else { panic!("bob is a user of his own") };
    assert_eq!(
        (bob.groups.as_slice(), bob.uid, bob.sudo.len()),
        (&["a".into(), "b".into()][..], Some(1001), 0)
    );
    assert_eq!(config.groups[1].members, ["ann", "bob"]);
}

#[test]
fn users_as_a_mapping_and_as_a_text_are_read() {
    let (config, _) = CloudConfig::parse(b"users: {ann: {gecos: Ann}, bob: false, default: true}\n").unwrap();
    assert_eq!(config.users.unwrap().len(), 2);
    let (config, _) = CloudConfig::parse(b"users: default, ann\n").unwrap();
    assert_eq!(config.users.unwrap()[0], UserEntry::Default);
}

#[test]
fn the_old_list_of_passwords_is_read() {
    let text = "chpasswd:\n  list: |\n    ann:secret\n    bob:$6$salt$hash\n    eve:RANDOM\n";
    let (config, _) = CloudConfig::parse(text.as_bytes()).unwrap();
    let secrets: Vec<_> = config.chpasswd.unwrap().users.into_iter().map(|entry| entry.secret).collect();
    assert_eq!(secrets, [Secret::Text("secret".into()), Secret::Hash("$6$salt$hash".into()), Secret::Random]);
}

#[test]
fn file_content_is_decoded() {
    let plain = WriteFile::new("/a", b"text");
    assert_eq!((plain.encoding, plain.decoded(9).unwrap()), (Encoding::Plain, b"text".to_vec()));
    let binary = WriteFile::new("/a", &[0xff, 0, 1]);
    assert_eq!((binary.encoding, binary.decoded(9).unwrap()), (Encoding::Base64, vec![0xff, 0, 1]));
    let packed = crate::gzip::deflate(b"text");
    let file =
        WriteFile { content: FileContent::Binary(packed), encoding: Encoding::Gzip, ..WriteFile::default() };
    assert_eq!(file.decoded(4).unwrap(), b"text");
    assert!(file.decoded(3).is_err());
}

#[test]
fn modes_are_octal_in_every_form() {
    for text in ["'0640'", "0640", "'0o640'", "'640'"] {
        let document = format!("write_files: [{{path: /a, permissions: {text}}}]\n");
        let (config, warnings) = CloudConfig::parse(document.as_bytes()).unwrap();
        assert_eq!((config.write_files[0].permissions, warnings.len()), (Some(0o640), 0), "{text}");
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}",
        "[ -~]{1,12}",
        any::<String>().prop_filter("not empty", |s| !s.is_empty())
    ]
}

/// Names that stand in lists which cloud-init also reads from one text with commas.
fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,8}".prop_filter("a word of its own", |name| name != "default")
}

fn other() -> impl Strategy<Value = Mapping> {
    vec(("x-[a-z]{1,5}", word()), 0..3).prop_map(Mapping::from_iter)
}

fn user() -> impl Strategy<Value = UserEntry> {
    let flags = (option::of(any::<bool>()), option::of(any::<bool>()), option::of(any::<bool>()));
    let texts = (option::of(word()), option::of(word()), option::of(word()), option::of(word()));
    let lists = (
        vec(name(), 0..3),
        vec(word(), 0..3),
        vec(word().prop_filter("not a boolean", |w| w.len() > 5), 0..3),
    );
    (name(), flags, texts, lists, option::of(any::<i64>()), other()).prop_map(
        |(name, flags, texts, lists, uid, other)| {
            UserEntry::User(Box::new(User {
                name,
                system: flags.0,
                no_create_home: flags.1,
                lock_passwd: flags.2,
                gecos: texts.0,
                homedir: texts.1,
                shell: texts.2,
                passwd: texts.3,
                groups: lists.0,
                ssh_authorized_keys: lists.1,
                sudo: lists.2,
                uid,
                other,
                ..User::default()
            }))
        },
    )
}

fn file() -> impl Strategy<Value = WriteFile> {
    let content = prop_oneof![
        any::<String>().prop_map(String::into_bytes),
        "#!/bin/sh\n([a-z $:'\"]{0,9}\n){0,5}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..40),
    ];
    (word(), content, option::of(0..=0o7777_u32), option::of(word()), any::<[bool; 2]>(), other()).prop_map(
        |(path, content, permissions, owner, [append, defer], other)| WriteFile {
            permissions,
            owner,
            append,
            defer,
            other,
            ..WriteFile::new(path, &content)
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![word().prop_map(Command::Shell), vec(word(), 1..4).prop_map(Command::Argv)]
}

fn chpasswd() -> impl Strategy<Value = Chpasswd> {
    let secret =
        prop_oneof![word().prop_map(Secret::Hash), word().prop_map(Secret::Text), Just(Secret::Random)];
    let entry = (word(), secret).prop_map(|(name, secret)| PasswordEntry { name, secret });
    (option::of(any::<bool>()), vec(entry, 0..3), other()).prop_map(|(expire, users, other)| Chpasswd {
        expire,
        users,
        other,
    })
}

fn config() -> impl Strategy<Value = CloudConfig> {
    let host = (option::of(word()), option::of(word()), option::of(any::<bool>()), option::of(word()));
    let people = (
        option::of(vec(prop_oneof![Just(UserEntry::Default), user()], 0..4)),
        vec((name(), vec(name(), 0..3)).prop_map(|(name, members)| Group { name, members }), 0..3),
        vec(word(), 0..3),
        option::of(chpasswd()),
    );
    let work = (
        vec(file(), 0..4),
        vec((word(), option::of(word())).prop_map(|(name, version)| Package { name, version }), 0..3),
        vec(command(), 0..4),
        vec(command(), 0..4),
    );
    let rest = (
        vec(vec(option::of(word()), 1..6), 0..3),
        option::of((vec(word(), 0..3), other())),
        option::of((word(), any::<u32>(), other())),
        other(),
    );
    (host, people, work, rest).prop_map(|(host, people, work, rest)| CloudConfig {
        hostname: host.0,
        timezone: host.1,
        package_update: host.2,
        final_message: host.3,
        manage_etc_hosts: host.2.map(|_| ManageEtcHosts::Localhost),
        ssh_pwauth: host.2.map(|_| SshPwauth::Unchanged),
        users: people.0,
        groups: people.1,
        ssh_authorized_keys: people.2,
        chpasswd: people.3,
        write_files: work.0,
        packages: work.1,
        runcmd: work.2,
        bootcmd: work.3,
        mounts: rest.0,
        growpart: rest.1.clone().map(|(devices, other)| Growpart { mode: GrowMode::Off, devices, other }),
        ntp: rest.1.map(|(servers, other)| Ntp { servers, other, ..Ntp::default() }),
        power_state: rest.2.map(|(message, minutes, other)| PowerState {
            mode: PowerMode::Reboot,
            delay: PowerDelay::Minutes(minutes),
            message: Some(message),
            timeout: None,
            condition: None,
            other,
        }),
        other: rest.3,
        ..CloudConfig::default()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(config in config()) {
        let text = config.to_yaml();
        let (read, _) = CloudConfig::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read, config, "{}", text);
    }

    #[test]
    fn a_part_is_recognised_and_read_back(config in config()) {
        let bytes = crate::UserData { parts: vec![config.to_part()], problems: Vec::new() }.render();
        let data = crate::UserData::parse(&bytes).unwrap();
        prop_assert_eq!(CloudConfig::from_parts(&data.parts).0, config);
    }
}
