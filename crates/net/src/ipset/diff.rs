//! From the sets that are there to those that shall be, in three steps around the change of rules.
//!
//! Members that must go, go first; new sets are filled before a rule can name them; members that come, come last; sets
//! that no rule names any more go at the end. So at no moment is anything allowed that neither the old nor the new
//! state allows.
//!
//! A set of another make under a name of ours is a misfit. The kernel neither renames nor destroys a set that rules
//! refer to, and swaps only sets of the same make; so the rules that name it must go before it does ([`misfits`]).

use super::{Set, Sets};

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
pub(super) const MOST_ELEMENTS: u32 = 1 << 18;

/// Sets of another make that have a name which `desired` needs.
pub fn misfits(actual: &Sets, desired: &Sets) -> Vec<String> {
    let misfit =
        |(name, held): &(&String, &Set)| desired.0.get(*name).is_some_and(|wanted| wanted.kind != held.kind);
    actual.0.iter().filter(misfit).map(|(name, _)| name.clone()).collect()
}

/// What leads from `actual`, in which there is no misfit any more, to `desired`.
pub fn changes(actual: &Sets, desired: &Sets) -> SetChanges {
    let mut out = SetChanges::default();
    for (name, wanted) in &desired.0 {
        match actual.0.get(name) {
            Some(held) => update(name, held, wanted, &mut out),
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
    let (kind, family) = wanted.kind.type_names();
    out.push_str(&format!("create {name} {kind} family {family} maxelem {MOST_ELEMENTS}\n"));
    for element in &wanted.elements {
        out.push_str(&format!("add {name} {element}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Family;
    use crate::ipset::{SetKind, parse};

    const SAVED: &str = "create sg-1 hash:ip family inet hashsize 1024 maxelem 262144 bucketsize 12 initval 0x1\n\
                         add sg-1 10.0.0.5\nadd sg-1 10.0.0.6\n\
                         create old hash:net family inet hashsize 1024 maxelem 262144\nadd old 10.0.0.0/8\n";

    #[test]
    fn what_goes_goes_first_and_what_comes_comes_last() {
        let mut desired = Sets::default();
        desired.insert("sg-1", SetKind::HashIp(Family::V4), ["10.0.0.6".to_owned(), "10.0.0.7".to_owned()]);
        desired.insert("new", SetKind::HashNet(Family::V4), ["10.1.0.0/16".to_owned()]);
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

    #[test]
    fn a_set_of_another_make_is_a_misfit() {
        let mut desired = Sets::default();
        desired.insert("sg-1", SetKind::HashIp(Family::V4), []);
        let fits = |line: &str| misfits(&parse(line), &desired).is_empty();
        assert!(fits(
            "create sg-1 hash:ip family inet hashsize 64 maxelem 262144 bucketsize 12 initval 0x1\n"
        ));
        assert!(fits("create other bitmap:port range 0-10\n"), "a name that is not ours");
        for make in [
            "hash:net family inet hashsize 64 maxelem 262144",
            "hash:ip family inet6 hashsize 64 maxelem 262144",
            "hash:ip family inet hashsize 64 maxelem 10",
            "hash:ip family inet hashsize 64 maxelem 262144 timeout 60",
            "hash:ip family inet netmask 24 hashsize 64 maxelem 262144",
            "hash:ip family inet hashsize 64 maxelem 262144 forceadd",
        ] {
            assert!(!fits(&format!("create sg-1 {make}\n")), "{make}");
        }
    }
}
