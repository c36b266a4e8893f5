//! Decodes a streamed answer frame by frame. What every wire's decoder does alike stands here: blank frames are skipped, a
//! fault waits for the events before it, and a stream counts as whole only when its reader says so.

use crate::canon::exchange::Frame;
use crate::canon::{Event, Fault};
use crate::fault::protocol;
use crate::json::{Node, Object, check, nonfinite_as_null};
use crate::refusal;

/// Reads the frames of one wire.
pub trait ReadFrame {
    /// What ends an answer on this wire, as a fault names it: "a finish reason".
    const END: &'static str;

    /// Reads the data of one frame. Events that it gives before it fails go out all the same.
    fn frame(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Fault>;

    /// Whether the answer is whole. Frames that come behind its end are still given to [`frame`](Self::frame).
    fn is_whole(&self) -> bool;
}

/// The decoder that a [`ReadFrame`] makes.
#[derive(Debug, Default)]
pub struct FrameDecoder<R> {
    reader: R,
    /// What went wrong behind events that had to go out first.
    failed: Option<Fault>,
    begun: bool,
}

impl<R: ReadFrame> FrameDecoder<R> {
    /// For one answer.
    pub const fn of(reader: R) -> Self {
        Self { reader, failed: None, begun: false }
    }

    /// Every event that the frames complete. A fault is given when all events before it have been.
    pub fn push(&mut self, frames: &[Frame]) -> Result<Vec<Event>, Fault> {
        let mut events = Vec::with_capacity(frames.len());
        for frame in frames.iter().filter(|frame| !frame.data.trim().is_empty()) {
            if self.failed.is_some() {
                break;
            }
            let mended = nonfinite_as_null(&frame.data);
            let data = mended.as_ref().unwrap_or(&frame.data);
            self.failed = self.reader.frame(data, &mut events).err();
        }
        self.begun |= !events.is_empty();
        match &self.failed {
            Some(fault) if events.is_empty() => Err(fault.clone()),
            Some(_) | None => Ok(events),
        }
    }

    /// The stream is over; `clean` says that the transport ended as it should. Fails when the answer did not.
    pub fn finish(&mut self, clean: bool) -> Result<Vec<Event>, Fault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        if self.reader.is_whole() {
            return Ok(Vec::new());
        }
        Err(match (clean, self.begun) {
            (false, _) => protocol("the upstream's stream broke off"),
            (true, false) => protocol("the upstream's stream held no answer"),
            (true, true) => protocol(&format!("the upstream's stream ended without {}", R::END)),
        })
    }
}

/// The object that an upstream sent, unless it is an error.
pub(crate) fn payload(data: &str) -> Result<Object<'_>, Fault> {
    let mut object = Node::root(data).sole_object().map_err(|_| {
        let is_json = check(data.trim()).is_ok();
        protocol(if is_json {
            "the upstream's answer is not a JSON object"
        } else {
            "the upstream's answer is not JSON"
        })
    })?;
    match object.optional("error").ok().flatten() {
        Some(node) => Err(refusal::inside(&node)),
        None => Ok(object),
    }
}

/// Reads a whole answer that looks like the one frame of a short stream.
pub fn read_whole<R: ReadFrame>(mut reader: R, body: &str) -> Result<Vec<Event>, Fault> {
    let mut events = Vec::new();
    reader.frame(&nonfinite_as_null(body).unwrap_or_else(|| body.to_owned()), &mut events)?;
    if reader.is_whole() { Ok(events) } else { Err(protocol("the upstream's answer is not whole")) }
}
