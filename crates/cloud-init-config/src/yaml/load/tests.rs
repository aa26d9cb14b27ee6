//! What the loader takes, refuses and bounds.

use super::*;

fn root(text: &str) -> Value {
    load(text.as_bytes()).unwrap().root
}

#[test]
fn lines_are_known_by_path() {
    let document = load(b"#cloud-config\nusers:\n  - default\n  - name: ann\n    uid: 12\n").unwrap();
    assert_eq!(document.lines["users"], 2);
    assert_eq!(document.lines["users[1].uid"], 5);
}

#[test]
fn a_key_written_twice_keeps_its_last_value_and_is_reported() {
    let document = load(b"a: 1\nb: 2\na: 3\n").unwrap();
    assert_eq!(document.root.as_mapping().unwrap().get("a"), Some(&Value::Int(3)));
    assert_eq!(document.duplicates, ["a"]);
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let value = root("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nlist: [*b]\n");
    let used = value.as_mapping().unwrap().get("use").unwrap().as_mapping().unwrap();
    assert_eq!((used.get("x"), used.get("y")), (Some(&Value::Int(1)), Some(&Value::Int(3))));
}

#[test]
fn an_alias_bomb_is_refused_quickly() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", "));
    }
    assert!(matches!(load(text.as_bytes()), Err(YamlError::TooLarge { what: "nodes", .. })));
}

#[test]
fn an_alias_to_its_own_parent_is_refused() {
    assert!(matches!(load(b"a: &a [*a]\n"), Err(YamlError::Misplaced { .. })));
}

#[test]
fn deep_nesting_is_refused() {
    let text = "[".repeat(5000);
    assert!(load(text.as_bytes()).is_err());
    let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(matches!(load(block.as_bytes()), Err(YamlError::TooLarge { what: "levels of nesting", .. })));
}

#[test]
fn tabs_second_documents_and_unknown_tags_are_named() {
    assert_eq!(load(b"a:\n\tb: 1\n"), Err(YamlError::Tab { line: 2 }));
    assert_eq!(load(b"a: 1\n---\nb: 2\n"), Err(YamlError::SecondDocument { line: 2 }));
    assert!(matches!(load(b"a: !vault x\n"), Err(YamlError::UnknownTag { line: 1, .. })));
    assert!(matches!(load(b"a: \x01\n"), Err(YamlError::Unprintable { line: 1, code: 1 })));
    assert_eq!(load(b"a: \xff\n"), Err(YamlError::NotUtf8 { offset: 3 }));
}

#[test]
fn tags_decide_over_the_look_of_a_scalar() {
    assert_eq!(root("!!str 12"), "12".into());
    assert_eq!(root("!!binary aGk="), Value::Binary(b"hi".to_vec()));
    assert_eq!(root("'12'"), "12".into());
}
