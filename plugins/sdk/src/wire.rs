//! What a component with a wire of its own is made of. [`VendorWire`](crate::vendor::VendorWire) says what it does, and these
//! are its tools:
//!
//! | For | There is |
//! |---|---|
//! | where the vendor answers | [`Address`], or an [`Upstream`](crate::vendor::Upstream) with the vendor's key and headers |
//! | an exchange | [`Exchange`]: headers, secrets, a body |
//! | JSON written and read without a loss | [`Members`], [`array`], [`strings`]; [`Object`] and [`Node`], which [`object`] opens |
//! | arguments of calls | [`arguments_object`] on the way out; on the way in the text goes on as it is, in pieces or whole |
//! | what the wire has no place for | [`Losses`] with a table of the component's own, and [`unsaid`] for the settings of a request |
//! | answers | [`BlockBuilder`], which knows what is open; [`ReadFrame`], which [`FrameDecoder`] makes a decoder of |
//! | what goes wrong | [`refused`] reads other answers than 2xx, whatever their shape, [`answered`] tells one whose text is known, [`reported`] for those inside one, [`protocol`], [`unsupported`], [`invalid`] |
//! | lists of models | [`ModelList`] |
//!
//! `examples/plugins/provider-parts` is a whole component made of them.
//!
//! # Requests
//!
//! ```
//! use brains_sdk::wire::{Disposition, Losses, Members, arguments_object, disposition_in};
//!
//! /// What this wire has no place for: lost is named to the client, refused ends the request.
//! const TABLE: &[(&str, Disposition)] = &[
//!     ("seed", Disposition::Lost("answers cannot be repeated")),
//!     ("messages.content.input_audio", Disposition::Refused("sound cannot be sent")),
//! ];
//!
//! let mut losses = Losses::by(|member| disposition_in(TABLE, member));
//! losses.cannot("seed").unwrap();
//! losses.cannot("seed").unwrap();
//! let refused = losses.cannot("messages.content.input_audio").unwrap_err();
//! assert!(refused.message.starts_with("`messages.content.input_audio` is not supported"));
//! assert_eq!(losses.into_names(), ["seed"]);
//!
//! // Arguments as the object that many wires want; text that is none is kept for the model to see.
//! let mut call = Members::new();
//! call.string("name", "look").raw("args", &arguments_object(r#"{"at": 1.0}"#));
//! assert_eq!(call.finish(), r#"{"name":"look","args":{"at": 1.0}}"#);
//! assert_eq!(arguments_object("{\"at\":"), r#"{"_raw":"{\"at\":"}"#);
//! ```
//!
//! # Answers
//!
//! ```
//! use brains_sdk::canon::exchange::Frame;
//! use brains_sdk::canon::{Event, Fault, StopReason};
//! use brains_sdk::wire::{BlockBuilder, FrameDecoder, ReadFrame, misread, object};
//!
//! /// Frames such as `{"say":"Hel"}`, then `{"end":true}`.
//! #[derive(Default)]
//! struct Sayings(BlockBuilder);
//!
//! impl ReadFrame for Sayings {
//!     const END: &'static str = "its `end`";
//!
//!     fn frame(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault> {
//!         let mut frame = object(data)?;
//!         if let Some(text) = frame.string("say").map_err(misread)? {
//!             self.0.text(0, text, events);
//!         }
//!         match frame.optional("end").map_err(misread)? {
//!             Some(_) => self.0.finish(0, StopReason::EndTurn, events),
//!             None => Ok(()),
//!         }
//!     }
//!
//!     fn is_whole(&self) -> bool {
//!         self.0.finished()
//!     }
//! }
//!
//! let frame = |data: &str| Frame { name: None, data: data.to_owned() };
//! let mut decoder = FrameDecoder::of(Sayings::default());
//! let events = decoder.push(&[frame(r#"{"say":"Hel"}"#), frame(r#"{"say":"lo"}"#)]).unwrap();
//! assert_eq!(events.len(), 3, "the block begins, and two pieces: {events:?}");
//! let cut = decoder.finish(true).unwrap_err();
//! assert_eq!(cut.message, "the upstream's stream ended without its `end`");
//! ```

mod exchange;
mod models;
mod payload;
mod unsaid;

pub use brains_dialect::blocks::{BlockBuilder, CallPiece};
pub use brains_dialect::decoder::{FrameDecoder, ReadFrame, read_whole};
pub use brains_dialect::fault::{
    answered, fails_over, invalid, other, protocol, reported, retry_after_ms, unsupported,
};
pub use brains_dialect::json::{Members, Node, Object, array, quote, strings};
pub use brains_dialect::refusal::{answered as refused, error_message, kind_of_status};
pub use brains_dialect::sanitise::sanitise;
pub use brains_dialect::translation::{Disposition, Encoded, Losses, arguments_object, disposition_in};
pub use exchange::{Address, Exchange};
pub use models::{ModelList, one_page};
pub use payload::{misread, object, text};
pub use unsaid::unsaid;

use brains_dialect::canon::exchange::Frame;
use brains_dialect::canon::{Event, Fault};

use crate::component::Decode;

impl<R: ReadFrame> Decode for FrameDecoder<R> {
    fn push(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        Self::push(self, &frames)
    }

    fn finish(&mut self, clean: bool) -> Result<Vec<Event>, Fault> {
        Self::finish(self, clean)
    }
}
