//! The known key that an unknown one was probably meant to be.

/// The nearest of the known keys, if one is near enough to be meant.
pub(crate) fn nearest<'k>(key: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    const LONGEST_KEY: usize = 40;
    if key.len() > LONGEST_KEY {
        return None;
    }
    let normal = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let wanted = normal(key);
    let allowed = match wanted.len() {
        0..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    let scored = known.map(|candidate| (distance(&wanted, &normal(candidate)), candidate));
    scored.filter(|(score, _)| *score <= allowed).min().map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_keys_are_found_and_far_ones_not() {
        let known = ["packages", "package_update", "users", "hostname"];
        let find = |key| nearest(key, known.into_iter());
        assert_eq!(find("pacakges"), Some("packages"));
        assert_eq!(find("package-update"), Some("package_update"));
        assert_eq!(find("user"), Some("users"));
        assert_eq!(find("completely_else"), None);
        assert_eq!((distance("", "abc"), distance("ab", "ba")), (3, 1));
    }
}
