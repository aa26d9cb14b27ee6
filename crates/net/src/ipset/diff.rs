//! From the sets that are there to those that shall be, in three steps around the change of rules.
//!
//! Members that must go, go first; new sets are filled before a rule can name them; members that come, come last; sets
//! that no rule names any more go at the end. So at no moment is anything allowed that neither the old nor the new
//! state allows.

use super::{Set, SetKind, Sets};

/// Commands for `ipset restore`, by when they are run; and what they do, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetChanges {
    /// Before the rules change.
    pub before: String,
    /// After the rules have changed.
    pub after: String,
    /// One line for each set that changes.
    pub words: Vec<String>,
}

/// Maximum of elements: EC2's limits on rules and members are far below.
const MOST_ELEMENTS: u32 = 1 << 18;

/// What leads from `actual` to `desired`.
pub fn changes(actual: &Sets, desired: &Sets) -> SetChanges {
    let mut out = SetChanges::default();
    for (name, wanted) in &desired.0 {
        match actual.0.get(name) {
            Some(held) if held.kind == wanted.kind => update(name, held, wanted, &mut out),
            Some(held) => replace(name, held.kind, wanted, &mut out),
            None => {
                create(name, wanted, &mut out.before);
                out.words.push(format!("set {name} made with {} elements", wanted.elements.len()));
            }
        }
    }
    for name in actual.0.keys().filter(|name| !desired.0.contains_key(*name)) {
        out.after.push_str(&format!("destroy {name}\n"));
        out.words.push(format!("set {name} removed"));
    }
    out
}

fn update(name: &str, held: &Set, wanted: &Set, out: &mut SetChanges) {
    let (mut gone, mut come) = (0, 0);
    for element in held.elements.difference(&wanted.elements) {
        out.before.push_str(&format!("del {name} {element}\n"));
        gone += 1;
    }
    for element in wanted.elements.difference(&held.elements) {
        out.after.push_str(&format!("add {name} {element}\n"));
        come += 1;
    }
    if gone + come > 0 {
        out.words.push(format!("set {name}: {come} elements added, {gone} removed"));
    }
}

fn create(name: &str, wanted: &Set, out: &mut String) {
    out.push_str(&format!("create {name} {} family inet maxelem {MOST_ELEMENTS}\n", wanted.kind.type_name()));
    for element in &wanted.elements {
        out.push_str(&format!("add {name} {element}\n"));
    }
}

/// A set of the wrong make under our name: only a set of the same make could be swapped for it, so it steps aside,
/// which the kernel allows while rules refer to it.
fn replace(name: &str, held: SetKind, wanted: &Set, out: &mut SetChanges) {
    let aside = format!("x-{name}").chars().take(31).collect::<String>();
    out.before.push_str(&format!("rename {name} {aside}\n"));
    create(name, wanted, &mut out.before);
    out.after.push_str(&format!("destroy {aside}\n"));
    out.words.push(format!("set {name} made anew, it was {}", held.type_name()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipset::parse;

    const SAVED: &str = "create sg-1 hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1\n\
                         add sg-1 10.0.0.5\nadd sg-1 10.0.0.6\n\
                         create old hash:net family inet hashsize 1024 maxelem 65536\nadd old 10.0.0.0/8\n";

    #[test]
    fn what_goes_goes_first_and_what_comes_comes_last() {
        let mut desired = Sets::default();
        desired.insert("sg-1", SetKind::HashIp, ["10.0.0.6".to_owned(), "10.0.0.7".to_owned()]);
        desired.insert("new", SetKind::HashNet, ["10.1.0.0/16".to_owned()]);
        let changes = changes(&parse(SAVED), &desired);
        assert_eq!(
            changes.before,
            "create new hash:net family inet maxelem 262144\nadd new 10.1.0.0/16\ndel sg-1 10.0.0.5\n"
        );
        assert_eq!(changes.after, "add sg-1 10.0.0.7\ndestroy old\n");
        assert_eq!(changes.words.len(), 3);
    }

    #[test]
    fn equal_sets_need_nothing() {
        let sets = parse(SAVED);
        assert_eq!(changes(&sets, &sets), SetChanges::default());
    }
}
