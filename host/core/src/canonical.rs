//! JSON in the one form that is hashed and signed: RFC 8785. Members stand in the order of their UTF-16 code units,
//! numbers are written as ECMAScript writes doubles, and there is no space.

use serde_json::{Number, Value};

/// The largest whole number that every reader of JSON keeps exactly.
const EXACT: u64 = (1 << 53) - 1;

/// The value's canonical text.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            out.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Number(number) => out.push_str(&decimal(number)),
        // serde_json escapes exactly what the RFC wants escaped, in the same way.
        scalar @ (Value::Null | Value::Bool(_) | Value::String(_)) => out.push_str(&scalar.to_string()),
    }
}

fn decimal(number: &Number) -> String {
    let exact =
        number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs)).is_some_and(|n| n <= EXACT);
    match number.as_f64() {
        Some(float) if !exact => ecmascript(float),
        Some(_) | None => number.to_string(),
    }
}

/// A double as `Number::toString` of ECMAScript writes it.
fn ecmascript(float: f64) -> String {
    if float == 0.0 || !float.is_finite() {
        // JSON has no other; `-0` is `0`.
        return "0".into();
    }
    // serde_json's digits are the shortest that read back as the same double, and the even ones of two.
    let shortest = Number::from_f64(float.abs()).map(|number| number.to_string()).unwrap_or_default();
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let length = |text: &str| i32::try_from(text.len()).unwrap_or(0);
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    // Where the point stands, counted from before the first digit.
    let point = length(whole) + exponent.parse::<i32>().unwrap_or(0) - (length(&all) - length(digits));
    let digits = digits.trim_end_matches('0');
    let count = length(digits);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let (head, tail) = digits.split_at_checked(usize::try_from(point).unwrap_or(0)).unwrap_or((digits, ""));
    let text = if (count..=21).contains(&point) {
        format!("{digits}{}", zeros(point - count))
    } else if (1..=21).contains(&point) {
        format!("{head}.{tail}")
    } else if (-5..=0).contains(&point) {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
        let fraction = if rest.is_empty() { String::new() } else { format!(".{rest}") };
        format!("{first}{fraction}e{:+}", point - 1)
    };
    if float < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests;
