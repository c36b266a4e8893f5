//! The event that nearly all of a stream is made of: a piece of a message's text and nothing else. It is read in one pass.

use std::borrow::Cow;

use crate::json::{JsonKind, Key, Reader, Syntax};

const KIND: &str = "response.output_text.delta";

/// A piece of text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PlainOutputText<'a> {
    /// Of the item in the answer.
    pub(super) output: u32,
    /// Of the part in the item.
    pub(super) part: u32,
    pub(super) text: Cow<'a, str>,
}

/// The text, when the event holds no more than that.
pub(super) fn read(data: &str) -> Option<PlainOutputText<'_>> {
    // Most other events are long, and say early what they are.
    if !data.get(..data.len().min(256)).unwrap_or(data).contains(KIND) {
        return None;
    }
    let mut plain = Plain::default();
    let mut reader = Reader::new(data);
    let read = reader.object(|reader, key| plain.member(reader, key)).and_then(|()| reader.end());
    // A member that stands twice is for who reads all of it.
    let once = plain.kinds == 1 && plain.outputs == 1 && plain.parts == 1 && plain.texts == 1;
    (read.is_ok() && once && !plain.holds_more).then_some(plain.found)
}

#[derive(Default)]
struct Plain<'a> {
    found: PlainOutputText<'a>,
    holds_more: bool,
    kinds: u32,
    outputs: u32,
    parts: u32,
    texts: u32,
}

impl<'a> Plain<'a> {
    fn member(&mut self, reader: &mut Reader<'a>, key: Key<'a>) -> Result<(), Syntax> {
        match (&*key.name(), reader.kind()?) {
            ("type", JsonKind::String) => {
                self.kinds += 1;
                self.holds_more |= reader.string()? != KIND;
                Ok(())
            }
            ("output_index", JsonKind::Number) => {
                self.outputs += 1;
                self.found.output = self.number(reader)?;
                Ok(())
            }
            ("content_index", JsonKind::Number) => {
                self.parts += 1;
                self.found.part = self.number(reader)?;
                Ok(())
            }
            ("delta", JsonKind::String) => {
                self.texts += 1;
                self.found.text = reader.string()?;
                Ok(())
            }
            ("logprobs", JsonKind::Array) => {
                let holds_more = &mut self.holds_more;
                reader.array(|reader| {
                    *holds_more = true;
                    reader.skip().map(drop)
                })
            }
            // They say nothing of the text, and nothing of its place where that has a number.
            ("sequence_number" | "item_id" | "obfuscation", _) | (_, JsonKind::Null) => {
                reader.skip().map(drop)
            }
            _ => {
                self.holds_more = true;
                reader.skip().map(drop)
            }
        }
    }

    fn number(&mut self, reader: &mut Reader<'a>) -> Result<u32, Syntax> {
        let number = reader.skip()?.parse();
        self.holds_more |= number.is_err();
        Ok(number.unwrap_or_default())
    }
}
