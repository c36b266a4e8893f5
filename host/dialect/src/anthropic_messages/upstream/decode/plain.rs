//! The event that nearly all of a stream is made of: a piece of a block's text and nothing else. It is read in one pass.

use std::borrow::Cow;

use crate::json::{JsonKind, Key, Reader, Syntax};

const KIND: &str = "content_block_delta";

/// A piece of text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PlainTextDelta<'a> {
    /// Of the block.
    pub(super) index: u32,
    pub(super) text: Cow<'a, str>,
}

/// The text, when the event holds no more than that.
pub(super) fn read(data: &str) -> Option<PlainTextDelta<'_>> {
    let mut plain = Plain::default();
    let mut reader = Reader::new(data);
    let read = reader.object(|reader, key| plain.member(reader, key)).and_then(|()| reader.end());
    // A member that stands twice is for who reads all of it.
    let once = plain.kinds == 2 && plain.indexes == 1 && plain.deltas == 1 && plain.texts == 1;
    (read.is_ok() && once && !plain.holds_more).then_some(plain.found)
}

#[derive(Default)]
struct Plain<'a> {
    found: PlainTextDelta<'a>,
    holds_more: bool,
    kinds: u32,
    indexes: u32,
    deltas: u32,
    texts: u32,
}

impl<'a> Plain<'a> {
    fn member(&mut self, reader: &mut Reader<'a>, key: Key<'a>) -> Result<(), Syntax> {
        match (&*key.name(), reader.kind()?) {
            ("type", JsonKind::String) => self.kind(reader, KIND),
            ("index", JsonKind::Number) => {
                self.indexes += 1;
                let number = reader.skip()?.parse();
                self.holds_more |= number.is_err();
                self.found.index = number.unwrap_or_default();
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
            ("type", JsonKind::String) => self.kind(reader, "text_delta"),
            ("text", JsonKind::String) => {
                self.texts += 1;
                self.found.text = reader.string()?;
                Ok(())
            }
            (_, kind) => self.rest(reader, kind),
        }
    }

    fn kind(&mut self, reader: &mut Reader<'a>, wanted: &str) -> Result<(), Syntax> {
        self.kinds += 1;
        self.holds_more |= reader.string()? != wanted;
        Ok(())
    }

    /// `null` is absent everywhere.
    fn rest(&mut self, reader: &mut Reader<'a>, kind: JsonKind) -> Result<(), Syntax> {
        self.holds_more |= kind != JsonKind::Null;
        reader.skip().map(drop)
    }
}
