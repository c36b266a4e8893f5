//! A whole answer: what the stream of it would end in.

use super::stream::OpenAiResponsesWriter;
use super::tee::terminal_response;
use crate::canon::exchange::Frame;
use crate::canon::{Event, Fault, Json};
use crate::fault::protocol;
use crate::ingress::{AnswerIdentity, WireWriter};

/// The response object. Fails when the answer never finished: that is no answer but a piece of one.
pub(super) fn response(events: &[Event], identity: &AnswerIdentity) -> Result<Json, Fault> {
    let (mut writer, mut stream) = (OpenAiResponsesWriter::unread(identity), String::new());
    for event in events {
        writer.push(event, &mut stream)?;
    }
    Ok(writer.ended()?.1)
}

/// The response that a stream ended in.
pub(super) fn joined(frames: &[Frame]) -> Result<Json, Fault> {
    let response = frames.iter().rev().find_map(|frame| terminal_response(&frame.data));
    response.ok_or_else(|| protocol("the upstream's stream has no event that ends it"))
}
