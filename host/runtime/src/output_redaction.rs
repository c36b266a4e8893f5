//! Covers the secrets of an instance in what its component answers and logs. A component is never shown one, but its
//! upstream may repeat one in ways of its own, and its settings may hold one.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use brains_core::sync::Unpoisoned as _;
use brains_core::{Secret, SecretSet};
use brains_dialect::canon::Fault;
use brains_dialect::canon::catalogue::Page;

/// Secrets of earlier versions that are remembered.
const EARLIER: usize = 32;

/// The secrets that versions of an instance were given while the program runs: an answer may repeat one that was
/// changed since.
#[derive(Debug, Default)]
pub(crate) struct SecretHistory(Mutex<Vec<Secret>>);

impl SecretHistory {
    /// All of them with those of one more version, which are remembered too.
    pub(crate) fn with<'s>(&self, secrets: impl Iterator<Item = &'s Secret>) -> SecretSet {
        let mut known = self.0.lock_unpoisoned();
        for secret in secrets {
            known.retain(|earlier| earlier != secret);
            known.push(secret.clone());
        }
        // The newest stay, and none of the version that is made now is left out.
        let set = SecretSet::of(&*known);
        let gone = known.len().saturating_sub(EARLIER);
        known.drain(..gone);
        set
    }
}

/// Covers the secrets of one instance in what its component says.
#[derive(Debug, Clone)]
pub(crate) struct OutputRedaction(Arc<SecretSet>);

impl OutputRedaction {
    pub(crate) const fn new(secrets: Arc<SecretSet>) -> Self {
        Self(secrets)
    }

    /// Every secret that is covered.
    pub(crate) const fn secrets(&self) -> &Arc<SecretSet> {
        &self.0
    }

    /// The whole text.
    pub(crate) fn cover<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.0.cover(text)
    }

    /// The beginning of `text`, at least so long when it has as much: no half of a secret stands at its end.
    pub(crate) fn head<'t>(&self, text: &'t str, limit_bytes: usize) -> Cow<'t, str> {
        let looked = text.get(..text.floor_char_boundary(limit_bytes * 4)).unwrap_or_default();
        if looked.len() == text.len() {
            return self.0.cover(text);
        }
        let sure = self.0.look(looked.as_bytes()).open;
        self.0.cover(looked.get(..looked.floor_char_boundary(sure)).unwrap_or_default())
    }

    pub(crate) fn cover_all(&self, texts: &mut [String]) {
        for text in texts {
            self.0.cover_in(text);
        }
    }

    pub(crate) fn cover_fault(&self, mut fault: Fault) -> Fault {
        self.0.cover_in(&mut fault.message);
        // A word with a secret in it is no word any more.
        fault.code = fault.code.filter(|code| matches!(self.0.cover(code), Cow::Borrowed(_)));
        fault
    }

    pub(crate) fn cover_page(&self, page: &mut Page) {
        if self.0.is_empty() {
            return;
        }
        page.models.retain(|model| matches!(self.0.cover(&model.id), Cow::Borrowed(_)));
        for model in &mut page.models {
            model.label.iter_mut().for_each(|label| self.0.cover_in(label));
            self.cover_all(&mut model.caps);
            model.pricing.iter_mut().for_each(|pricing| self.0.cover_in(pricing));
        }
    }
}

#[cfg(test)]
mod tests;
