//! Keeps one answer for the next turn: before its last byte goes out, so that a client which goes on at once finds it, and once,
//! whatever ends it.

use brains_dialect::canon::Json;
use brains_dialect::ingress::{AnswerNames, Ingress};
use brains_store::{Responses, StoredResponse};

/// What keeps an answer; empty when it is not to be kept, or has been.
#[derive(Debug, Default)]
pub(crate) struct AnswerKeeper(Option<Box<Keeping>>);

#[derive(Debug)]
struct Keeping {
    responses: Responses,
    ingress: Ingress,
    /// All but the answer.
    turn: StoredResponse,
}

impl AnswerKeeper {
    pub(super) fn new(responses: Responses, ingress: Ingress, turn: StoredResponse) -> Self {
        Self(Some(Box::new(Keeping { responses, ingress, turn })))
    }

    /// Whether an answer is still to be kept.
    pub(crate) const fn waits(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps the answer, unless one was.
    pub(crate) fn keep(&mut self, answer: Json) {
        let Some(keeping) = self.0.take() else { return };
        let Keeping { responses, ingress, turn } = *keeping;
        let Some(AnswerNames { id, items }) = ingress.answer_names(&answer) else {
            tracing::warn!(trace.id = %turn.trace, "an answer without an id cannot be kept");
            return;
        };
        responses.keep(StoredResponse { id, items, answer, ..turn });
    }

    /// There is nothing to keep.
    pub(crate) fn leave(&mut self) {
        self.0 = None;
    }
}
