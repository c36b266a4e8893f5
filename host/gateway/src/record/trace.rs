//! The trace queue as a listener: an ended request's record is offered to the store, and never waited for.

use brains_core::plane::trace::TraceRecord;
use brains_store::TraceQueue;

use super::{RequestEvent, RequestListener};

/// Offers the record when the request has ended.
#[derive(Debug)]
pub(crate) struct TraceListener(pub(crate) TraceQueue);

impl RequestListener for TraceListener {
    fn on(&mut self, event: RequestEvent, record: &TraceRecord) {
        let RequestEvent::Ended(_) = event else { return };
        if !self.0.offer(record.clone()) {
            tracing::debug!(trace.id = %record.id, "trace queue is full, trace dropped");
        }
    }
}
