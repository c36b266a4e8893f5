//! The wire `bedrock-converse`, for components of those that speak it. Its exchanges are signed as they stand
//! ([`sigv4`](crate::sigv4)), so that a component puts them together itself.

use brains_dialect::canon::exchange::Frame;
use brains_dialect::canon::{Event, Fault};
use brains_dialect::fault::protocol;

pub use brains_dialect::bedrock_converse::PlainToolNames;
pub use brains_dialect::bedrock_converse::upstream::decode::{BedrockConverseDecoder, decode_whole};
pub use brains_dialect::bedrock_converse::upstream::encode::{
    BedrockConverseOptions as Options, CachePoints, ThinkingWords, TopK, encode,
};
pub use brains_dialect::bedrock_converse::upstream::refusal::answered;

use crate::component::Decode;

impl Decode for BedrockConverseDecoder {
    fn push(&mut self, _: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        Err(protocol("this decoder reads raw bytes, not frames"))
    }

    fn push_bytes(&mut self, chunk: Vec<u8>) -> Result<Vec<Event>, Fault> {
        Self::push_bytes(self, &chunk)
    }

    fn finish(&mut self, clean: bool) -> Result<Vec<Event>, Fault> {
        Self::finish(self, clean)
    }
}
