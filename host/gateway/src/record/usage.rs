//! The usage ledger as a listener: an ended request leaves a row in the slot that was kept for it.

use brains_core::plane::trace::TraceRecord;
use brains_core::plane::usage::{UsageOutcome, UsageRecord, UsageWork};
use brains_store::UsageSlot;

use super::{RequestEvent, RequestListener};
use crate::routing_headers::was_made;

/// Leaves the row. Without a slot nobody was called yet.
#[derive(Debug, Default)]
pub(crate) struct UsageListener(pub(crate) Option<UsageSlot>);

impl RequestListener for UsageListener {
    fn on(&mut self, event: RequestEvent, record: &TraceRecord) {
        let RequestEvent::Ended(outcome) = event else { return };
        let Some(slot) = self.0.take() else { return };
        // A request that no candidate was asked for used nothing.
        let called = record.attempts.iter().any(was_made);
        let (true, Some(provider), Some(model)) = (called, &record.provider, &record.model) else { return };
        slot.put(row(record, provider, model, outcome));
    }
}

/// What a request, or a part of one, leaves in the ledger.
pub(super) fn row(record: &TraceRecord, provider: &str, model: &str, outcome: UsageOutcome) -> UsageRecord {
    UsageRecord {
        trace: record.id.clone(),
        part_of: None,
        at: record.at,
        operator: record.operator.clone(),
        key: record.key.clone(),
        provider: provider.to_owned(),
        model: model.to_owned(),
        tier: record.tier.clone(),
        label: record.task.clone(),
        client: record.client.clone(),
        request_class: record.request_class.clone(),
        api: record.api.clone(),
        native_session: record.native_session.clone(),
        work: UsageWork::default(),
        outcome,
        usage: record.usage,
        price: record.price,
    }
}
