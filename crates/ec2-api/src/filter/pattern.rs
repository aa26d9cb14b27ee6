//! Filter values as patterns: `*` stands for any characters, `?` for one, a backslash makes the next character plain
//! (EC2 guide, "Wildcards").

/// Whether the whole of `text` matches `pattern`. Takes time proportional to the product of their lengths at worst.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (parse(pattern), text.chars().collect::<Vec<_>>());
    let (mut p, mut t) = (0, 0);
    // Where the last star stood and how much text it has taken; a mismatch lets it take one character more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Star) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Piece::Any) => (p, t) = (p + 1, t + 1),
            Some(Piece::Char(c)) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|piece| matches!(piece, Piece::Star))
}

enum Piece {
    Char(char),
    Any,
    Star,
}

fn parse(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::Star,
            '?' => Piece::Any,
            '\\' => Piece::Char(chars.next().unwrap_or('\\')),
            plain => Piece::Char(plain),
        });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_and_escapes() {
        for (pattern, text, expected) in [
            ("web*", "web-1", true),
            ("web*", "my-web", false),
            ("*web*", "my-web-1", true),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            (r"\*amazon\?\\", r"*amazon?\", true),
            (r"\*", "x", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("a*b*c", "abcbc", true),
            ("Web", "web", false),
            ("?", "é", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// The definition itself, in exponential time.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                plainly(&pattern[1..], text) || (!text.is_empty() && plainly(pattern, &text[1..]))
            }
            (Some('?'), Some(_)) => plainly(&pattern[1..], &text[1..]),
            (Some(p), Some(t)) => p == t && plainly(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), plainly(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn an_escaped_text_matches_itself_alone(text in "[ab*?\\\\]{0,8}", other in "[ab*?\\\\]{0,8}") {
            let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(matches(&escaped, &text));
            prop_assert_eq!(matches(&escaped, &other), text == other);
        }
    }
}
