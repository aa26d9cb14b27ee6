//! Reading `ipset save`.

use super::{Set, SetKind, Sets};

/// What `ipset save` printed.
pub fn parse(text: &str) -> Sets {
    let mut sets = Sets::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("create"), Some(name), Some(kind)) => {
                sets.0.insert(name.to_owned(), Set { kind: kind_of(kind), elements: Default::default() });
            }
            (Some("add"), Some(name), Some(element)) => {
                if let Some(set) = sets.0.get_mut(name) {
                    set.elements.insert(element.to_owned());
                }
            }
            _ => {}
        }
    }
    sets
}

fn kind_of(name: &str) -> SetKind {
    match name {
        "hash:ip" => SetKind::HashIp,
        "hash:net" => SetKind::HashNet,
        _ => SetKind::Other,
    }
}
