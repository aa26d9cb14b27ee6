//! Reading `ipset save`.

use super::diff::MOST_ELEMENTS;
use super::{Set, SetKind, Sets};
use crate::family::Family;

/// What `ipset save` printed.
pub fn parse(text: &str) -> Sets {
    let mut sets = Sets::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("create"), Some(name)) => {
                let kind = kind_of(&words.collect::<Vec<_>>());
                sets.0.insert(name.to_owned(), Set { kind, elements: Default::default() });
            }
            // With what stands behind it, such as `nomatch`: that makes another element of it.
            (Some("add"), Some(name)) => {
                if let Some(set) = sets.0.get_mut(name) {
                    set.elements.insert(words.collect::<Vec<_>>().join(" "));
                }
            }
            _ => {}
        }
    }
    sets
}

/// The make by its words in `create`; sizes of tables are the kernel's own affair, anything else that we don't say
/// ourselves makes it another's.
fn kind_of(words: &[&str]) -> SetKind {
    let Some((name, options)) = words.split_first() else { return SetKind::Other };
    let most = MOST_ELEMENTS.to_string();
    let (pairs, rest) = options.as_chunks::<2>();
    let mut of = None;
    let as_ours = rest.is_empty()
        && pairs.iter().all(|pair| match pair {
            ["family", family] => {
                of = (*family == "inet").then_some(Family::V4);
                of = of.or((*family == "inet6").then_some(Family::V6));
                of.is_some()
            }
            ["maxelem", number] => *number == most,
            [name, _] => matches!(*name, "hashsize" | "bucketsize" | "initval"),
        });
    match (*name, of.filter(|_| as_ours)) {
        ("hash:ip", Some(family)) => SetKind::HashIp(family),
        ("hash:net", Some(family)) => SetKind::HashNet(family),
        _ => SetKind::Other,
    }
}
