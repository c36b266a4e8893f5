//! The chunk that nearly all of a stream is made of: a piece of one choice's text and nothing else. It is read in one pass.

use std::borrow::Cow;

use crate::json::{JsonKind, Key, Reader, Syntax};

/// Members that say nothing of the answer behind its first chunk.
const INERT: [&str; 8] =
    ["id", "object", "created", "model", "system_fingerprint", "service_tier", "obfuscation", "provider"];

/// A piece of text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PlainText<'a> {
    pub(super) choice: u32,
    pub(super) text: Cow<'a, str>,
}

/// The text, when the chunk holds no more than that.
pub(super) fn read(data: &str) -> Option<PlainText<'_>> {
    let mut plain = Plain::default();
    let mut reader = Reader::new(data);
    let read = reader.object(|reader, key| plain.member(reader, key)).and_then(|()| reader.end());
    // A member that stands twice is for who reads all of it.
    let once =
        plain.choices == 1 && plain.lists == 1 && plain.deltas == 1 && plain.texts == 1 && plain.numbers == 1;
    (read.is_ok() && once && !plain.holds_more).then_some(plain.found)
}

#[derive(Default)]
struct Plain<'a> {
    found: PlainText<'a>,
    holds_more: bool,
    lists: u32,
    choices: u32,
    numbers: u32,
    deltas: u32,
    texts: u32,
}

impl<'a> Plain<'a> {
    fn member(&mut self, reader: &mut Reader<'a>, key: Key<'a>) -> Result<(), Syntax> {
        match (&*key.name(), reader.kind()?) {
            ("choices", JsonKind::Array) => {
                self.lists += 1;
                reader.array(|reader| {
                    self.choices += 1;
                    match reader.kind()? {
                        JsonKind::Object => reader.object(|reader, key| self.choice(reader, key)),
                        kind => self.rest(reader, kind),
                    }
                })
            }
            (name, _) if INERT.contains(&name) => reader.skip().map(drop),
            (_, kind) => self.rest(reader, kind),
        }
    }

    fn choice(&mut self, reader: &mut Reader<'a>, key: Key<'a>) -> Result<(), Syntax> {
        match (&*key.name(), reader.kind()?) {
            ("index", JsonKind::Number) => {
                self.numbers += 1;
                let number = reader.skip()?.parse();
                self.holds_more |= number.is_err();
                self.found.choice = number.unwrap_or_default();
                Ok(())
            }
            ("delta", JsonKind::Object) => {
                self.deltas += 1;
                reader.object(|reader, key| self.delta(reader, key))
            }
            (_, kind) => self.rest(reader, kind),
        }
    }

    fn delta(&mut self, reader: &mut Reader<'a>, key: Key<'a>) -> Result<(), Syntax> {
        match (&*key.name(), reader.kind()?) {
            ("content", JsonKind::String) => {
                self.texts += 1;
                self.found.text = reader.string()?;
                Ok(())
            }
            ("role", JsonKind::String) => reader.skip().map(drop),
            (_, kind) => self.rest(reader, kind),
        }
    }

    /// `null` is absent everywhere.
    fn rest(&mut self, reader: &mut Reader<'a>, kind: JsonKind) -> Result<(), Syntax> {
        self.holds_more |= kind != JsonKind::Null;
        reader.skip().map(drop)
    }
}
