//! Programs: what the kernel needs to start them.

use crate::Part;
use crate::validate::{Rule, Warning};

pub(super) fn check(program: &[u8], part: &Part, number: usize) -> Vec<Warning> {
    let about =
        |rule, message: String| Warning { line: Some(1), ..Warning::part(part, number, rule, message) };
    if program.starts_with(b"\x7fELF") {
        return Vec::new();
    }
    let Some(rest) = program.strip_prefix(b"#!") else {
        let message = if program.trim_ascii_start().starts_with(b"#!") {
            "the `#!` must be the very first bytes: the kernel can't start this"
        } else {
            "the program doesn't begin with `#!` and an interpreter: the kernel can't start this"
        };
        return vec![about(Rule::NoInterpreter, message.to_owned())];
    };
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    if line.ends_with(b"\r") {
        let message =
            "Windows line ends: the kernel looks for an interpreter whose name ends in a carriage return";
        return vec![about(Rule::WindowsLineEnds, message.to_owned())];
    }
    let line = String::from_utf8_lossy(line);
    match line.split_whitespace().next() {
        None => vec![about(Rule::NoInterpreter, "no interpreter after `#!`".to_owned())],
        Some(path) if !path.starts_with('/') => {
            let shown: String = path.chars().take(80).collect();
            vec![about(Rule::NoInterpreter, format!("the interpreter `{shown}` is not an absolute path"))]
        }
        Some(_) => Vec::new(),
    }
}
