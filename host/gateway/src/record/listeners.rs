//! Who hears of a request's events. A listener is one file that implements [`RequestListener`], and one field here.

use std::time::Duration;

use brains_core::plane::trace::TraceRecord;
use brains_core::plane::usage::UsageOutcome;

use super::{PartListener, TraceListener, UsageListener};
use crate::keepalive::KnownHead;
use crate::provider_state::Permit;

/// What happens to a request. Listeners get it with the record as it stands then.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RequestEvent {
    /// What is tried, and in which order, is decided.
    Planned,
    /// A candidate is asked.
    AttemptStarted {
        /// How long a client of a streamed answer bears silence; none when it gets no keep-alives.
        silence: Option<Duration>,
    },
    /// The answer has begun: no other candidate is asked any more.
    FirstByte,
    AttemptEnded {
        /// Whether the provider did well; none when it says nothing about the provider: the client left, or its request
        /// was bad.
        good: Option<bool>,
        /// The candidate is not asked again.
        is_last: bool,
    },
    Ended(UsageOutcome),
}

/// Hears of a request's events, in order. It never waits.
pub(crate) trait RequestListener {
    fn on(&mut self, event: RequestEvent, record: &TraceRecord);
}

impl<L: RequestListener> RequestListener for Option<L> {
    fn on(&mut self, event: RequestEvent, record: &TraceRecord) {
        if let Some(listener) = self {
            listener.on(event, record);
        }
    }
}

/// All listeners of one request.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// The provider's state, through the permit of the candidate that is asked.
    pub(crate) permit: Option<Permit>,
    pub(crate) usage: UsageListener,
    /// None of a part: its request has the trace.
    pub(crate) trace: Option<TraceListener>,
    pub(crate) part: Option<PartListener>,
    pub(crate) head: KnownHead,
}

impl Listeners {
    pub(super) fn emit(&mut self, event: RequestEvent, record: &TraceRecord) {
        self.permit.on(event, record);
        if let RequestEvent::AttemptEnded { is_last: true, .. } | RequestEvent::Ended(_) = event {
            self.permit = None;
        }
        self.usage.on(event, record);
        self.part.on(event, record);
        self.trace.on(event, record);
        self.head.on(event, record);
    }
}
