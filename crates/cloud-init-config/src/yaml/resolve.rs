//! What a plain scalar means, by the rules of YAML 1.1 as PyYAML applies them.

use super::Value;

/// The value of a plain (unquoted) scalar.
pub(super) fn plain(text: &str) -> Value {
    null(text)
        .or_else(|| boolean(text))
        .or_else(|| integer(text))
        .or_else(|| float(text))
        .unwrap_or_else(|| text.into())
}

pub(super) fn null(text: &str) -> Option<Value> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(Value::Null)
}

pub(super) fn boolean(text: &str) -> Option<Value> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Value::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// Binary, octal with a leading 0, decimal, hexadecimal and base 60 (`1:30` is 90).
pub(super) fn integer(text: &str) -> Option<Value> {
    let (negative, body) = sign(text);
    if !body.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let magnitude = if let Some(digits) = body.strip_prefix("0b") {
        radix(digits, 2)?
    } else if let Some(digits) = body.strip_prefix("0x") {
        radix(digits, 16)?
    } else if body.contains(':') {
        sexagesimal(body)?
    } else if body.len() > 1 && body.starts_with('0') {
        radix(&body[1..], 8)?
    } else {
        radix(body, 10)?
    };
    let signed = if negative { -magnitude } else { magnitude };
    // PyYAML has integers without bound; beyond 64 bits only the size matters to us.
    Some(i64::try_from(signed).map_or(Value::Float(signed as f64), Value::Int))
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn radix(digits: &str, base: u32) -> Option<i128> {
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(base));
    // 36 digits of any base here fit in 127 bits, longer ones are no configuration's numbers.
    if plain { i128::from_str_radix(&digits, base).ok() } else { None }
}

fn sexagesimal(body: &str) -> Option<i128> {
    let mut groups = body.split(':');
    let first = groups.next().filter(|g| !g.starts_with('0'))?;
    let mut total = radix(first, 10)?;
    for group in groups {
        let valid = matches!(group.len(), 1 | 2) && group.chars().all(|c| c.is_ascii_digit());
        let value = group.parse::<i128>().ok().filter(|v| valid && *v < 60)?;
        total = total.checked_mul(60)?.checked_add(value)?;
    }
    Some(total)
}

/// Needs a point, and a sign in the exponent; `1e3` is a string in YAML 1.1.
pub(super) fn float(text: &str) -> Option<Value> {
    let (negative, body) = sign(text);
    let value = match body {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if body.len() == text.len() => f64::NAN,
        _ => decimal(body)?,
    };
    Some(Value::Float(if negative { -value } else { value }))
}

fn decimal(body: &str) -> Option<f64> {
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit() || c == '_');
    let starts = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || !(starts(whole) || whole.is_empty() && starts(fraction)) {
        return None;
    }
    if let Some(exponent) = exponent {
        let number = exponent.strip_prefix(['+', '-'])?;
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
            return None;
        }
    }
    let text: String = body.chars().filter(|c| *c != '_').collect();
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_pyyaml_says() {
        let cases = [
            ("", Value::Null),
            ("yes", true.into()),
            ("Off", false.into()),
            ("y", "y".into()),
            ("0644", Value::Int(0o644)),
            ("0o644", "0o644".into()),
            ("08", "08".into()),
            ("0x1F", Value::Int(31)),
            ("0b11", Value::Int(3)),
            ("-1_000", Value::Int(-1000)),
            ("22:22", Value::Int(1342)),
            ("1.5", Value::Float(1.5)),
            ("1e3", "1e3".into()),
            ("1.0e+3", Value::Float(1000.0)),
            (".5", Value::Float(0.5)),
            ("1.2.3.4", "1.2.3.4".into()),
            ("2030-01-01", "2030-01-01".into()),
            ("-", "-".into()),
            (".", ".".into()),
            ("18446744073709551616", Value::Float(18446744073709551616.0)),
        ];
        for (text, value) in cases {
            assert_eq!(plain(text), value, "{text:?}");
        }
    }
}
