//! JSON written straight into a string.

use super::Node;

/// `text` as a JSON string, quotes included.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(text, &mut out);
    out
}

pub(crate) fn quote_into(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => {
                out.push_str(text.get(from..at).unwrap_or_default());
                out.push_str("\\u00");
                out.push(char::from(b'0' + (byte >> 4)));
                out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
                from = at + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(escape);
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}

/// JSON texts as an array.
pub fn array(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

/// Texts as an array of JSON strings.
pub fn strings(items: &[String]) -> String {
    array(&items.iter().map(|item| quote(item)).collect::<Vec<_>>())
}

/// An object being written, member by member.
#[derive(Debug, Clone)]
pub struct Members(String);

impl Default for Members {
    fn default() -> Self {
        Self::new()
    }
}

impl Members {
    pub fn new() -> Self {
        Self("{".to_owned())
    }

    /// A member whose value is JSON text already.
    pub fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name).0.push_str(value);
        self
    }

    pub fn string(&mut self, name: &str, value: &str) -> &mut Self {
        quote_into(value, &mut self.name(name).0);
        self
    }

    pub fn maybe_string(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.string(name, value),
            None => self,
        }
    }

    /// A number or a boolean.
    pub fn plain(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        self.raw(name, &value.to_string())
    }

    pub fn maybe_plain(&mut self, name: &str, value: Option<impl std::fmt::Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(name, value),
            None => self,
        }
    }

    /// Every member of the object `extra`, except the named ones. What is no object is left out.
    pub fn extra(&mut self, extra: Option<&str>, except: &[&str]) -> &mut Self {
        let Some(object) = extra.and_then(|text| Node::root(text).object().ok()) else { return self };
        for (name, node) in object.iter().filter(|(name, _)| !except.contains(name)) {
            self.raw(name, node.text());
        }
        self
    }

    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote_into(name, &mut self.0);
        self.0.push(':');
        self
    }
}
