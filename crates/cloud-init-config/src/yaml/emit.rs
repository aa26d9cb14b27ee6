//! From a [`Value`] to text that YAML 1.1 and 1.2 parsers read alike: block style, strings plain only where no
//! parser could take them for something else, scripts as literal blocks.

use std::fmt::Write as _;

use base64::Engine as _;

use super::load::is_printable;
use super::{Mapping, Value, resolve};

/// The document's text, ending in a newline. An empty mapping is `{}`.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Mapping(mapping) if !mapping.is_empty() => emit_mapping(&mut out, mapping, 0, false),
        Value::Sequence(items) if !items.is_empty() => emit_sequence(&mut out, items, 0, false),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// `inline_first`: the first line stands behind a `- ` that is already written.
fn emit_mapping(out: &mut String, mapping: &Mapping, indent: usize, inline_first: bool) {
    for (at, (key, value)) in mapping.iter().enumerate() {
        if at > 0 || !inline_first {
            pad(out, indent);
        }
        out.push_str(&string(key));
        out.push(':');
        match value {
            Value::Mapping(inner) if !inner.is_empty() => {
                out.push('\n');
                emit_mapping(out, inner, indent + 2, false);
            }
            Value::Sequence(items) if !items.is_empty() => {
                out.push('\n');
                emit_sequence(out, items, indent + 2, false);
            }
            scalar => emit_scalar(out, scalar, indent),
        }
    }
}

fn emit_sequence(out: &mut String, items: &[Value], indent: usize, inline_first: bool) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 || !inline_first {
            pad(out, indent);
        }
        out.push('-');
        match item {
            Value::Mapping(inner) if !inner.is_empty() => {
                out.push(' ');
                emit_mapping(out, inner, indent + 2, true);
            }
            Value::Sequence(inner) if !inner.is_empty() => {
                out.push(' ');
                emit_sequence(out, inner, indent + 2, true);
            }
            scalar => emit_scalar(out, scalar, indent),
        }
    }
}

/// A scalar behind its key or dash, and the end of its line.
fn emit_scalar(out: &mut String, value: &Value, indent: usize) {
    out.push(' ');
    match value {
        Value::String(text) if fits_literal_block(text) => {
            out.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
            for line in text.lines() {
                if !line.is_empty() {
                    pad(out, indent + 2);
                }
                out.push_str(line);
                out.push('\n');
            }
        }
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
}

/// Several lines that a literal block keeps exactly and every parser reads the same.
fn fits_literal_block(text: &str) -> bool {
    let plain =
        |c: char| is_printable(c) && !matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    let body = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !body.is_empty()
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && text.chars().all(plain)
        && text.split('\n').all(|line| line.is_empty() || !line.trim_matches([' ', '\t']).is_empty())
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::String(text) => string(text),
        Value::Binary(bytes) => {
            format!("!!binary \"{}\"", base64::engine::general_purpose::STANDARD.encode(bytes))
        }
        Value::Sequence(_) => "[]".to_owned(),
        Value::Mapping(_) => "{}".to_owned(),
    }
}

fn float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() };
    }
    // YAML 1.1 wants a point, and a sign in the exponent.
    let text = format!("{value:?}");
    let (mantissa, exponent) = text.split_once('e').map_or((text.as_str(), None), |(m, e)| (m, Some(e)));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    match exponent {
        None => format!("{mantissa}{point}"),
        Some(exponent) if exponent.starts_with('-') => format!("{mantissa}{point}e{exponent}"),
        Some(exponent) => format!("{mantissa}{point}e+{exponent}"),
    }
}

fn string(text: &str) -> String {
    if is_safe_plain(text) { text.to_owned() } else { double_quoted(text) }
}

fn is_safe_plain(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let inner = |c: char| c.is_ascii_alphanumeric() || "_./+@- ".contains(c);
    first
        && text.len() <= 200
        && text.chars().all(inner)
        && !text.ends_with(' ')
        && !matches!(text, "y" | "Y" | "n" | "N")
        && matches!(resolve::plain(text), Value::String(_))
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() && is_printable(c) => out.push(c),
            // Writing to a string doesn't fail.
            c if u32::from(c) <= 0xff => _ = write!(out, "\\x{:02x}", u32::from(c)),
            c if u32::from(c) <= 0xffff => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => _ = write!(out, "\\U{:08x}", u32::from(c)),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::yaml::load;

    #[test]
    fn scripts_become_literal_blocks_and_doubtful_words_are_quoted() {
        let value: Value = Mapping::from_iter([
            ("content", Value::from("#!/bin/sh\necho \"a: b\"\n\n  indented\n")),
            ("mode", "0644".into()),
            ("word", "yes".into()),
            ("list", vec!["plain word", "", "- x"].into()),
        ])
        .into();
        let expected = "content: |\n  #!/bin/sh\n  echo \"a: b\"\n\n    indented\nmode: \"0644\"\nword: \"yes\"\n\
                        list:\n  - plain word\n  - \"\"\n  - \"- x\"\n";
        assert_eq!(to_string(&value), expected);
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_filter("not equal to itself", |f| !f.is_nan()).prop_map(Value::Float),
            any::<String>().prop_map(Value::String),
            "[ \t\n#:a-z'\"\\-{}0-9]{0,20}".prop_map(Value::String),
            proptest::sample::select(vec![
                "yes", "~", "0x1f", "1:20", "<<", "---", "!x", "a\n\n", "\na", "a: b\nc"
            ])
            .prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Binary),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        scalar().prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Sequence),
                proptest::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|entries| Value::Mapping(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in value()) {
            let text = to_string(&value);
            let read = load(text.as_bytes());
            prop_assert_eq!(read.map(|d| d.root), Ok(value), "{}", text);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = load(&bytes);
        }

        #[test]
        fn any_yaml_like_text_is_read_or_refused(text in "[-:#&*!|>'\"%@`{}\\[\\],? \t\na-c0-9.<~]{0,200}") {
            let _ = load(text.as_bytes());
        }
    }
}
