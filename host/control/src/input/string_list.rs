//! Lists of words as people and older clients send them: a JSON array, or one text with commas.

use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Some words, trimmed, empty ones left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StringList(pub(crate) Vec<String>);

impl StringList {
    fn add(&mut self, text: &str) {
        self.0.extend(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned));
    }
}

impl<'de> Deserialize<'de> for StringList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = StringList;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<StringList, E> {
                let mut words = StringList::default();
                words.add(text);
                Ok(words)
            }

            fn visit_unit<E>(self) -> Result<StringList, E> {
                Ok(StringList::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StringList, A::Error> {
                let mut words = StringList::default();
                while let Some(item) = items.next_element::<String>()? {
                    words.add(&item);
                }
                Ok(words)
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for StringList {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": { "type": "string" } })
    }
}
