//! `#include` parts: the addresses they name.

/// The addresses in an `#include` part in their order, each with whether it is to be fetched only once per
/// instance (`#include-once`).
///
/// As cloud-init reads them: an address per line, `#include` and `#include-once` may stand before an address
/// and switch the mode for those that follow, other lines that begin with `#` are comments.
pub fn urls(body: &str) -> Vec<(String, bool)> {
    let mut once = false;
    let mut urls = Vec::new();
    for line in body.lines() {
        let mut rest = line;
        if let Some(after) = strip_prefix_ignore_case(line, "#include-once") {
            once = true;
            rest = after;
        } else if let Some(after) = strip_prefix_ignore_case(line, "#include") {
            once = false;
            rest = after;
        }
        let url = rest.trim();
        if !url.is_empty() && !url.starts_with('#') {
            urls.push((url.to_owned(), once));
        }
    }
    urls
}

fn strip_prefix_ignore_case<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let head = line.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &line[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_modes_are_read_in_order() {
        let body = "#include\nhttp://a/1\n# a comment\n\n#include-once http://a/2\nhttp://a/3\n#Include http://a/4\n";
        let expected =
            [("http://a/1", false), ("http://a/2", true), ("http://a/3", true), ("http://a/4", false)];
        assert_eq!(urls(body), expected.map(|(url, once)| (url.to_owned(), once)));
    }
}
