//! One story per mistake that people make, and none where there is none.

use super::*;
use crate::{CloudConfig, gzip};

fn said(text: &str) -> Vec<String> {
    validate(text.as_bytes()).iter().map(ToString::to_string).collect()
}

fn rules(bytes: &[u8]) -> Vec<Rule> {
    validate(bytes).iter().map(|warning| warning.rule).collect()
}

#[test]
fn good_data_gives_no_warning() {
    let config = "#cloud-config\nusers:\n  - default\n  - name: ann\n    sudo: ALL=(ALL) NOPASSWD:ALL\n    groups: a, b\n\
        write_files:\n  - {path: /etc/motd, content: hi, permissions: '0644'}\n  - {path: /x, encoding: b64, content: aGk=}\n\
        packages: [nginx, [jq, 1.6]]\nruncmd:\n  - echo hi\n  - [ls, -l]\napt: {}\npower_state: {mode: poweroff, delay: 5}\n\
        chpasswd: {expire: false, users: [{name: ann, password: x, type: text}]}\nntp: {servers: [a]}\n";
    assert_eq!(said(config), [""; 0]);
    assert_eq!(said("#!/bin/sh\ntrue\n"), [""; 0]);
    assert_eq!(said("#cloud-boothook\n#!/bin/sh\ntrue\n"), [""; 0]);
    assert_eq!(said("#include\nhttps://example.org/a\n"), [""; 0]);
    assert_eq!(said(""), [""; 0]);
    assert!(rules(&gzip::deflate(config.as_bytes())).is_empty());
}

#[test]
fn unknown_keys_are_named_with_what_was_meant() {
    assert_eq!(
        said("#cloud-config\nhostname: a\npackges: [x]\nusers:\n  - nmae: x\n    name: x\n"),
        [
            "part 1 (text/cloud-config), line 3, `packges`: unknown key, did you mean `packages`?",
            "part 1 (text/cloud-config), line 5, `users[0].nmae`: unknown key, did you mean `name`?",
        ]
    );
}

#[test]
fn wrong_types_are_named_with_their_line() {
    let text =
        "#cloud-config\npackages: nginx\nruncmd:\n  - echo a: b\nhostname: [x]\npackage_update: maybe\n";
    assert_eq!(
        said(text),
        [
            "part 1 (text/cloud-config), line 2, `packages`: expected a list of package names, found a string",
            "part 1 (text/cloud-config), line 4, `runcmd[0]`: expected a string or a list, found a mapping: quote a \
             command that holds `: `",
            "part 1 (text/cloud-config), line 5, `hostname`: expected a string, found a list",
            "part 1 (text/cloud-config), line 6, `package_update`: expected a boolean, found a string",
        ]
    );
}

#[test]
fn broken_yaml_is_told_by_its_kind() {
    assert_eq!(rules(b"#cloud-config\nusers:\n\t- default\n"), [Rule::TabInYaml]);
    assert_eq!(rules(b"#cloud-config\na: [\n"), [Rule::Yaml]);
    assert_eq!(rules(b"#cloud-config\na: 1\n---\nb: 2\n"), [Rule::MultipleDocuments]);
    assert_eq!(rules(b"#cloud-config\na: \xff\n"), [Rule::NotUtf8]);
    assert_eq!(rules(b"#cloud-config\n- a\n"), [Rule::NotAMapping]);
    assert_eq!(rules(b"#cloud-config\nhostname: a\nhostname: b\n"), [Rule::DuplicateKey]);
}

#[test]
fn files_are_checked_down_to_their_content() {
    let text = "#cloud-config\nwrite_files:\n  - path: a\n    permissions: 644\n    encoding: base64\n    content: '***'\n\
                \x20 - content: x\n";
    assert_eq!(
        rules(text.as_bytes()),
        [Rule::InvalidValue, Rule::InvalidValue, Rule::InvalidValue, Rule::MissingKey]
    );
    assert_eq!(rules(b"#cloud-config\nwrite_files: [{path: /a, permissions: 0644}]\n"), []);
}

#[test]
fn headers_that_are_nearly_right_are_recognised() {
    assert_eq!(rules(b"# cloud-config\nhostname: a\n"), [Rule::MissingHeader]);
    assert_eq!(rules(b"packages: [nginx]\n"), [Rule::MissingHeader]);
    assert_eq!(rules(b"echo hello\n"), [Rule::UnknownContent]);
    assert_eq!(rules(b"I2Nsb3VkLWNvbmZpZwpob3N0bmFtZTogYQo="), [Rule::Base64Twice]);
    assert_eq!(rules(b"\xfe\xfe"), [Rule::NotUtf8]);
}

#[test]
fn scripts_need_an_interpreter_that_the_kernel_finds() {
    assert_eq!(rules(b"#!/bin/sh\r\necho\r\n"), [Rule::WindowsLineEnds]);
    assert_eq!(rules(b"#!sh\necho\n"), [Rule::NoInterpreter]);
    assert_eq!(rules(b"#!\necho\n"), [Rule::NoInterpreter]);
    assert_eq!(rules(b"\n#!/bin/sh\necho\n"), [Rule::NoInterpreter]);
    assert_eq!(rules(b"#cloud-boothook\necho\n"), [Rule::NoInterpreter]);
}

#[test]
fn sizes_are_those_of_ec2() {
    let mut script = b"#!/bin/sh\n".to_vec();
    script.resize(limits::EC2_USER_DATA_BYTES, b'#');
    assert_eq!(rules(&script), []);
    script.push(b'#');
    assert_eq!(rules(&script), [Rule::TooLarge]);
    let bomb = gzip::deflate(&vec![0; limits::INFLATED_BYTES + 1]);
    assert_eq!(rules(&bomb), [Rule::Unreadable]);
}

#[test]
fn no_value_of_the_wrong_type_is_lost() {
    let (config, warnings) = CloudConfig::parse(b"packages: nginx\nmine: 1\n").unwrap();
    assert_eq!(warnings.len(), 2);
    assert_eq!(config.to_yaml(), "#cloud-config\npackages: nginx\nmine: 1\n");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        validate(&bytes);
    }

    #[test]
    fn any_document_with_known_keys_is_judged(
        keys in proptest::collection::vec(
            proptest::sample::select(vec![
                "users", "groups", "write_files", "runcmd", "chpasswd", "power_state", "mounts", "ntp", "growpart",
                "ssh_keys", "packages", "hostname", "ssh_pwauth", "manage_etc_hosts", "locale", "merge_how",
            ]),
            1..5,
        ),
        values in proptest::collection::vec("[\\[\\]{}a-c:, '\"0-9~\n -]{0,40}", 5),
    ) {
        let text: String = keys.iter().zip(&values).map(|(key, value)| format!("{key}: {value}\n")).collect();
        validate(format!("#cloud-config\n{text}").as_bytes());
    }
}
